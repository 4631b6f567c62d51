"""Whether ours put the methods of a table in the paper's order: rank correlations and swapped pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.tables.table import Cell, Row, Table
from results.analysis.statistics import CONFIDENCE, FEWEST
from results.paper import Printed

Verdict = Literal["same order", "orders agree", "no agreement shown", "orders are opposed", "too few rows to tell"]


@dataclass(frozen=True)
class Flip:
    """Two rows that are swapped in ours. ``clear``: beyond the paper's rounding and our intervals."""

    rows: tuple[str, str]  # the one with the greater printed value first
    paper: tuple[float, float]
    ours: tuple[float, float]
    clear: bool


@dataclass(frozen=True)
class Agreement:
    """One column of one table: the paper's order of the rows against ours."""

    table: str
    title: str
    column: str  # "fps"
    n: int  # rows with both values
    tied: int  # pairs with equal values in the paper or in ours; tau-b and rho allow for them
    kendall_tau: float | None  # in [-1, 1]; None where all rows are tied
    spearman_rho: float | None
    chance: float | None  # that a random order is as far from none as Kendall's tau; exact where nothing is tied
    flips: tuple[Flip, ...]

    @property
    def verdict(self) -> Verdict:
        """The agreement in a few words, by the chance of a Kendall's tau as large."""
        if self.n < FEWEST or self.kendall_tau is None or self.chance is None:
            return "too few rows to tell"
        if not self.flips and not self.tied:
            return "same order"
        if self.chance > 1 - CONFIDENCE:
            return "no agreement shown"
        return "orders agree" if self.kendall_tau > 0 else "orders are opposed"


@dataclass(frozen=True)
class Pair:
    """A row with the printed value, half the unit of its last digit, and ours."""

    label: str
    paper: float
    half_unit: float
    ours: Cell


def agreements(tables: Sequence[Table]) -> tuple[Agreement, ...]:
    """One for each column of each table with printed values and ours beside them.

    Costs of another form or engine say nothing about the paper's: their tables are left out.
    """
    found = []
    for table in (table for table in tables if table.faithful):
        rows = [row for row in table.rows if row.row and not row.alternative]
        for index, (name, beside) in enumerate(itertools.pairwise(column.name for column in table.columns)):
            compared = name.endswith("_printed") and beside.endswith("_ours") and not name.startswith("speedup")
            pairs = _pairs(rows, index) if compared else []
            found += [agreement(table, name.removesuffix("_printed"), pairs)] if pairs else []
    return tuple(found)


def verdict_of(found: Sequence[Agreement]) -> str:
    """One line for a table: the verdict of each column, and how many pairs are swapped."""
    parts = []
    for item in found:
        clear = sum(flip.clear for flip in item.flips)
        pairs = math.comb(item.n, 2)
        counts = f"; {len(item.flips)} of {pairs} pairs swapped, {clear} clearly" if item.flips else ""
        parts.append(f"{item.column}: {item.verdict} (n = {item.n}{counts})")
    return "; ".join(parts)


def _pairs(rows: Sequence[Row], index: int) -> list[Pair]:
    """The rows with a printed value in a column and ours in the next; quoted values do not count."""
    pairs = []
    for row in rows:
        printed, ours = row.cells[index : index + 2]
        if printed.value is not None and ours.value is not None and printed.status != "quoted":
            pairs.append(Pair(row.system or row.label, printed.value, Printed(printed.text).half_unit, ours))
    return pairs


def agreement(table: Table, column: str, pairs: Sequence[Pair]) -> Agreement:
    """The agreement of the printed values and ours in some rows of a table."""
    from scipy import stats  # takes longer to import than a small table to write

    couples = list(itertools.combinations(pairs, 2))
    paper, ours = [pair.paper for pair in pairs], [pair.ours.value for pair in pairs]
    varied = len(set(paper)) > 1 and len(set(ours)) > 1
    kendall = stats.kendalltau(paper, ours) if varied else None
    return Agreement(
        table=table.name,
        title=table.title,
        column=column,
        n=len(pairs),
        tied=sum(a.paper == b.paper or a.ours.value == b.ours.value for a, b in couples),
        kendall_tau=float(kendall.statistic) if kendall else None,
        spearman_rho=float(stats.spearmanr(paper, ours).statistic) if varied else None,
        chance=float(kendall.pvalue) if kendall else None,
        flips=tuple(flip for a, b in couples for flip in _flip(*sorted((a, b), key=lambda pair: -pair.paper))),
    )


def _flip(high: Pair, low: Pair) -> Iterator[Flip]:
    """The swapped pair, if the row that is higher in the paper is lower in ours."""
    assert high.ours.value is not None
    assert low.ours.value is not None
    if high.paper > low.paper and high.ours.value < low.ours.value:
        apart = high.paper - low.paper > high.half_unit + low.half_unit + 1e-9  # 0.045 is no binary number
        ours_apart = high.ours.high is not None and low.ours.low is not None and high.ours.high < low.ours.low
        yield Flip(
            (high.label, low.label), (high.paper, low.paper), (high.ours.value, low.ours.value), apart and ours_apart
        )
