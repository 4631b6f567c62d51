"""The agreement of orders as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.agreement import Agreement, Rank, verdict_of
from reports.tables.table import significant
from reports.writers.markdown import escape
from reports.writers.pages import figures_table

_AGREEMENT = (
    "Kendall's tau-b and Spearman's rho between the paper's order of the rows and ours, with 95 % intervals (Fisher's "
    "transform). A pair is clearly in the other order if neither the paper's rounding nor our intervals explain it."
)


def agreement_page(found: Sequence[Agreement]) -> str:
    """The order of the rows, table by table: a verdict, the correlations, and every pair in the other order."""
    parts = ["# Agreement of orders", _AGREEMENT]
    for name in dict.fromkeys(item.table for item in found):
        of_table = [item for item in found if item.table == name]
        parts += [f"## {escape(of_table[0].title)}", f"**{escape(verdict_of(of_table))}.**", _ranks(of_table)]
        flips = _flips(of_table)
        parts += [flips] if flips else []
    if not found:
        parts.append("No table has a figure of ours beside the paper's.")
    return "\n\n".join(parts) + "\n"


def _ranks(found: Sequence[Agreement]) -> str:
    lines = [
        (item.column, _rank(item.kendall_tau), _rank(item.spearman_rho), str(item.n), str(item.tied)) for item in found
    ]
    return figures_table(lines, ("Column", "Kendall tau-b", "Spearman rho", "Rows", "Tied pairs"), 1)


def _rank(rank: Rank) -> str:
    if rank.value is None:
        return "–"
    return f"{rank.value:.2f}" + (f" [{rank.low:.2f}, {rank.high:.2f}]" if rank.low is not None else "")


def _flips(found: Sequence[Agreement]) -> str:
    lines = [
        (
            item.column,
            f"{flip.rows[0]} over {flip.rows[1]}",
            "clear" if flip.clear else "within the intervals",
            " / ".join(map(significant, flip.paper)),
            " / ".join(map(significant, flip.ours)),
        )
        for item in found
        for flip in item.flips
    ]
    return figures_table(lines, ("Column", "The paper has", "Ours otherwise", "Paper", "Ours"), 3) if lines else ""
