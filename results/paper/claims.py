"""The paper's quantitative claims, typed: ``claims.toml`` beside this module, its cell names looked up and checked."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from results.paper import PaperRow, Printed, paper_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
        """The printed figure."""
        return self.line.figures[self.column]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim: the paper's words and the arithmetic that they mean. ``claims.toml`` explains each field.

    A claim has either ``checks`` or an ``expression`` with the number that the paper ``states`` for it.
    """

    name: str
    where: str
    quote: str
    reading: str = ""
    figures: Mapping[str, CellName] = field(default_factory=dict)
    lists: Mapping[str, tuple[CellName, ...]] = field(default_factory=dict)
    numbers: Mapping[str, Printed] = field(default_factory=dict)
    source: str = ""  # of the numbers, where it is not the paper
    expression: str = ""
    states: Printed | None = None
    at_least: bool = False
    absolute: bool = False
    checks: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[CellName, ...]:
        """All cells that the claim rests on."""
        return (*self.figures.values(), *(cell for cells in self.lists.values() for cell in cells))


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the file's order.

    Raises:
        ValueError: a claim names a cell that the paper does not print, or is not complete.
    """
    text = resources.files("results.paper").joinpath("claims.toml").read_text(encoding="utf-8")
    return tuple(claim_from(entry) for entry in tomllib.loads(text)["claim"])


def claim_from(entry: Mapping[str, Any]) -> Claim:
    """A claim as written in the file.

    Raises:
        ValueError: it names a cell that the paper does not print, or is not complete.
    """
    name, written = entry["name"], dict(entry.get("figures", {}))
    if bool(entry.get("checks")) == bool(entry.get("expression")) or ("states" in entry) != ("expression" in entry):
        raise ValueError(f"claim '{name}': give either checks or an expression with what the paper states")
    single = {key: _cell(name, selector) for key, selector in written.items() if _is_single(selector)}
    rows = {(cell.table, cell.row) for cell in single.values()}
    lists = {key: _cells(name, written[key], rows) for key in written if key not in single}
    changed = {
        "figures": single,
        "lists": lists,
        "numbers": {key: _number(text) for key, text in entry.get("numbers", {}).items()},
        "states": Printed(entry["states"]) if "states" in entry else None,
        "checks": tuple(entry.get("checks", ())),
    }
    return Claim(**{**entry, **changed})


@dataclass(frozen=True)
class Count(Printed):
    """A number in the words that is exact."""

    @property
    def half_unit(self) -> float:
        """None of a place: it is not rounded."""
        return 0.0


def _number(text: str) -> Printed:
    return Printed(text) if "." in text else Count(text)


def _is_single(selector: str) -> bool:
    table, row, _ = selector.split("/")
    return any(line.row == row for line in paper_table(table).rows)


def _cell(claim: str, selector: str) -> CellName:
    cell = CellName(*selector.split("/"))
    if cell.column not in cell.line.figures:
        raise ValueError(f"claim '{claim}': the paper prints no figure in '{selector}'")
    return cell


def _cells(claim: str, selector: str, named: set[tuple[str, str]]) -> tuple[CellName, ...]:
    """The cells of a list: a whole column or a group's, without the rows that the claim names by themselves."""
    found = tuple(_matching(selector, named))
    if not found:
        raise ValueError(f"claim '{claim}': '{selector}' is no row and no group of the paper")
    return found


def _matching(selector: str, named: set[tuple[str, str]]) -> Iterator[CellName]:
    table, group, column = selector.split("/")
    for line in paper_table(table).rows:
        if group in ("*", line.group) and (table, line.row) not in named and column in line.figures:
            yield CellName(table, line.row, column)
