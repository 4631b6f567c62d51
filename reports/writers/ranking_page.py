"""The ranks by accuracy as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.ranking import Ranking, Standing
from reports.writers.markdown import escape
from reports.writers.pages import figures_table

_RULE = (
    "A system beats another if the 95 % interval of their difference in miou_paper leaves out zero: Student's over the "
    "seeds that both have, or, with one seed, a bootstrap over the images that both scored, which knows nothing of how "
    "training varies. Its rank is one more than the number that beat it; what nothing parts shares one."
)


def ranking_page(found: Sequence[Ranking]) -> str:
    """Rank, figure and difference from the highest figure of each row, table by table."""
    parts = ["# Ranks by accuracy", _RULE]
    for ranking in found:
        lines = [_line(standing) for standing in ranking.standings]
        heads = ("System", "Rests on", "Rank", "miou_paper (%)", "Seeds", "Difference from the highest")
        parts += [
            f"## {escape(ranking.title)}",
            f"{ranking.resolved} of {ranking.pairs} pairs resolved.",
            figures_table(lines, heads, 2),
        ]
    if not found:
        parts.append("No table has the accuracy of two systems.")
    return "\n\n".join(parts) + "\n"


def _line(standing: Standing) -> tuple[str, ...]:
    basis = standing.behind.basis if standing.behind else ""
    figures = (str(standing.rank), f"{standing.miou_paper:.2f}", f"n = {standing.n}")
    return (standing.system, basis, *figures, _difference(standing))


def _difference(standing: Standing) -> str:
    if standing.behind is None:
        return ""
    found = standing.behind.difference
    if found.low is None or found.high is None:
        return f"{found.value:+.2f}, not resolved"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]" + ("" if found.resolved else ", not resolved")
