"""The rank agreement as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.agreement import Agreement, verdict_of
from reports.tables.table import significant
from reports.writers.markdown import escape
from reports.writers.pages import pipe_table

_HOW_TO_READ = (
    "Do ours put the methods in the paper's order? 1 means the same order, -1 the opposite one. An order is told from "
    "none where a random order would be as far from none in less than 5 of 100 cases."
)
_RULE = (
    "Rank correlations (Kendall's tau-b, Spearman's rho) between the paper's values and ours; the chance is that of "
    "Kendall's permutation test, exact where no values are tied. Fewer than six rows tell nothing. A pair is swapped "
    '"clearly" if neither the paper\'s rounding nor our intervals explain it.'
)


def agreement_page(found: Sequence[Agreement]) -> str:
    """Table by table: a verdict, the rank correlations, and every pair that is swapped."""
    parts = ["# Rank agreement with the paper", _HOW_TO_READ, _RULE]
    for name in dict.fromkeys(item.table for item in found):
        of_table = [item for item in found if item.table == name]
        parts += [f"## {escape(of_table[0].title)}", f"**{escape(verdict_of(of_table))}.**", _ranks(of_table)]
        flips = _flips(of_table)
        parts += [flips] if flips else []
    if not found:
        parts.append("No table has a value of ours beside the paper's.")
    return "\n\n".join(parts) + "\n"


def _ranks(found: Sequence[Agreement]) -> str:
    lines = [
        (
            item.column,
            *map(_number, (item.kendall_tau, item.chance, item.spearman_rho)),
            str(item.n),
            str(item.tied),
        )
        for item in found
    ]
    return pipe_table(lines, ("Column", "Kendall tau-b", "Chance", "Spearman rho", "Rows", "Tied pairs"), 1)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _flips(found: Sequence[Agreement]) -> str:
    lines = [
        (
            item.column,
            f"{flip.rows[0]} over {flip.rows[1]}",
            "clearly" if flip.clear else "within intervals",
            " / ".join(map(significant, flip.paper)),
            " / ".join(map(significant, flip.ours)),
        )
        for item in found
        for flip in item.flips
    ]
    return (
        pipe_table(lines, ("Column", "Swapped pair, in the paper's order", "Swapped", "Paper", "Ours"), 3)
        if lines
        else ""
    )
