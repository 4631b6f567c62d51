"""The paper's quantitative claims, typed: ``claims.toml`` in this folder, which explains each field."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, get_args

from results.paper import PaperRow, Printed, paper_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Operation = Literal["value", "ratio", "difference", "sum"]
Sign = Literal["<", "<=", ">", ">=", "==", "!="]
_SHOWN: Mapping[str, Literal["ratio", "difference"]] = {"/": "ratio", "-": "difference"}
_OPERAND = re.compile(r"((?P<factor>[\d.]+) times )?((?P<statistic>min|max|mean|median|iou) of )?(?P<items>.+)")


@dataclass(frozen=True, order=True)
class CellName:
    """One printed cell: "table1/isdnet/fps"."""

    table: str
    row: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}/{self.row}/{self.column}"

    @property
    def line(self) -> PaperRow:
        """The printed row."""
        return next(row for row in paper_table(self.table).rows if row.row == self.row)

    @property
    def printed(self) -> Printed:
        """The printed value."""
        return self.line.values[self.column]


@dataclass(frozen=True)
class Count(Printed):
    """An exact number; "5000x5000" is the number of pixels."""

    @property
    def value(self) -> float:
        """The number."""
        height, _, width = self.text.partition("x")
        return float(height) * float(width or 1)

    @property
    def half_unit(self) -> float:
        """Zero: a count is not rounded."""
        return 0.0


@dataclass(frozen=True)
class Operand:
    """A number, or a statistic of several, times a factor: "1.1 times min of table2/UHR Methods/fps"."""

    text: str
    items: tuple[CellName | Printed, ...]
    statistic: str = ""  # "min", "max", "mean", "median", "iou" (of an F1, both in percent); empty for a single item
    factor: float = 1.0


@dataclass(frozen=True)
class Check:
    """A comparison that must be true."""

    left: Operand
    sign: Sign
    right: Operand

    def __str__(self) -> str:
        return f"{self.left.text} {self.sign} {self.right.text}"


@dataclass(frozen=True)
class Shown:
    """A calculation that is shown and not judged: the ratio or the difference of two operands."""

    left: Operand
    operation: Literal["ratio", "difference"]
    right: Operand


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim: the paper's words, and the number or the comparisons that they mean.

    With ``states``, the operation on the operands must give that number; otherwise all ``checks`` must be true. Words
    without a bound have neither, but ``shows``.
    """

    name: str
    where: str
    quote: str
    reading: str = ""
    source: str = ""
    also: str = ""
    operation: Operation = "value"
    operands: tuple[Operand, ...] = ()
    states: Printed | None = None
    at_least: bool = False
    absolute: bool = False
    checks: tuple[Check, ...] = ()
    otherwise: tuple[Check, ...] = ()  # of another reading
    shows: tuple[Shown, ...] = ()
    hint: bool = False  # a failed check is no proof
    untestable: str = ""  # why no record could test it

    @property
    def cells(self) -> tuple[CellName, ...]:
        """All cells that the claim rests on, each once."""
        pairs: list[Check | Shown] = [*self.checks, *self.otherwise, *self.shows]
        operands = [*self.operands, *(side for pair in pairs for side in (pair.left, pair.right))]
        items = [item for operand in operands for item in operand.items]
        return tuple(dict.fromkeys(item for item in items if isinstance(item, CellName)))


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the file's order.

    Raises:
        ValueError: a claim names a cell that the paper does not print, or is incomplete.
    """
    text = resources.files("results.paper").joinpath("claims.toml").read_text(encoding="utf-8")
    return tuple(claim_from(entry) for entry in tomllib.loads(text)["claim"])


def claim_from(entry: Mapping[str, Any]) -> Claim:
    """A claim as written in the file.

    Raises:
        ValueError: it names a cell that the paper does not print, or is incomplete.
    """
    fields = dict(entry)
    written = {name: fields.pop(name) for name in get_args(Operation) if name in fields}
    checks, shows, otherwise = (fields.pop(name, []) for name in ("checks", "shows", "otherwise"))
    stated, left_out = fields.pop("states", None), fields.pop("leaving_out", [])
    if len(written) + bool(checks) + bool(shows) != 1 or bool(written) != (stated is not None):
        raise ValueError(
            f"claim '{fields['name']}': give either checks or one number with what the paper states, or what to show"
        )
    try:
        for name, value in written.items():
            texts = [value] if isinstance(value, str) else value
            operands = tuple(_operands(texts, left_out))
            counted = name == "sum" and all(isinstance(item, Count) for one in operands for item in one.items)
            fields |= {"operation": name, "operands": operands, "states": (Count if counted else Printed)(stated)}
        fields |= {"checks": _checks(checks, left_out), "otherwise": _checks(otherwise, left_out)}
        shown = iter(_operands([side for left, _, right in shows for side in (left, right)], left_out))
        fields["shows"] = tuple(Shown(next(shown), _SHOWN[sign], next(shown)) for _, sign, _ in shows)
    except ValueError as error:
        raise ValueError(f"claim '{fields['name']}': {error}") from error
    return Claim(**fields)


def _checks(written: Iterable[tuple[str, str, str]], left_out: Iterable[str]) -> tuple[Check, ...]:
    rows = list(written)
    sides = iter(_operands([side for left, _, right in rows for side in (left, right)], left_out))
    return tuple(Check(next(sides), _sign(sign), next(sides)) for _, sign, _ in rows)


def _sign(text: str) -> Sign:
    for sign in get_args(Sign):
        if sign == text:
            return sign  # type: ignore[no-any-return]
    raise ValueError(f"'{text}' is no comparison; use one of {' '.join(get_args(Sign))}")


def _operands(texts: Iterable[str], left_out: Iterable[str]) -> Iterator[Operand]:
    """The operands of one claim. Lists leave out the rows that it names itself, and those in ``left_out``."""
    parsed = [(text, match) for text in texts if (match := _OPERAND.fullmatch(text))]
    items = [item for _, match in parsed for item in match["items"].split(" and ")]
    named = {*left_out, *(item.rpartition("/")[0] for item in items)}
    for text, match in parsed:
        found = tuple(item for part in match["items"].split(" and ") for item in _items(part, named))
        if len(found) > 1 and not match["statistic"]:
            raise ValueError(f"'{text}' is several values; take the min, max, mean or median of them")
        yield Operand(text, found, match["statistic"] or "", float(match["factor"] or 1))


def _items(text: str, named: set[str]) -> list[CellName | Printed]:
    """A number, a cell, or the cells of a column ("table1/*/fps") or of a group's."""
    if "/" not in text:
        return [Printed(text) if "." in text else Count(text)]
    table, chosen, column = text.split("/")
    rows = paper_table(table).rows
    single = [row for row in rows if row.row == chosen]
    if single and column not in single[0].values:
        raise ValueError(f"the paper prints no value in '{text}'")
    several = [row for row in rows if chosen in ("*", row.group) and f"{table}/{row.row}" not in named]
    found = single or [row for row in several if column in row.values]
    if not found:
        raise ValueError(f"'{text}' is no row and no group of the paper")
    return [CellName(table, row.row, column) for row in found]
