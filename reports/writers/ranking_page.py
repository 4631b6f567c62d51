"""The ranking by accuracy as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.ranking import Ranking, Standing
from reports.writers.markdown import escape
from reports.writers.pages import pipe_table

_HOW_TO_READ = (
    "Systems of the same rank cannot be told apart: a rank is one more than the number of systems that are "
    "significantly more accurate."
)
_RULE = (
    "A system is significantly more accurate if the 95 % interval of the difference in miou_paper excludes zero: "
    "Student's t over the seeds that both have; with one seed, a bootstrap over the images that both scored, which "
    "does not cover the variation between training runs."
)


def ranking_page(found: Sequence[Ranking]) -> str:
    """Table by table: the rank of each system, its accuracy, and how far it is behind the highest."""
    parts = ["# Ranking by accuracy", _HOW_TO_READ, _RULE]
    for ranking in found:
        lines = [_line(standing) for standing in ranking.standings]
        heads = ("System", "Rests on", "Rank", "miou_paper (%)", "Seeds", "Behind the highest")
        parts += [
            f"## {escape(ranking.title)}",
            f"{ranking.resolved} of {ranking.pairs} pairs differ significantly.",
            pipe_table(lines, heads, 2),
        ]
    if not found:
        parts.append("No table has the accuracy of two systems.")
    return "\n\n".join(parts) + "\n"


def _line(standing: Standing) -> tuple[str, ...]:
    basis = standing.behind.basis if standing.behind else ""
    difference = ""
    if standing.behind is not None:
        found = standing.behind.difference
        known = found.low is not None and found.high is not None
        interval = f" [{found.low:+.2f}, {found.high:+.2f}]" if known else ""
        difference = f"{found.value:+.2f}{interval}{'' if found.resolved else ', not significant'}"
    numbers = (str(standing.rank), f"{standing.miou_paper:.2f}", f"n = {standing.n}")
    return (standing.system, basis, *numbers, difference)
