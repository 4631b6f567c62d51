"""The ranking by accuracy as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.ranking import Ranking, Standing
from reports.writers.markdown import escape
from reports.writers.pages import pipe_table
from results.analysis.statistics import FEWEST, Estimate

_HOW_TO_READ = (
    "Systems of the same rank cannot be told apart: a rank is one more than the number of systems that are more "
    "accurate and resolved."
)
_RULE = (
    "Two sources of variance are kept apart. Images: would these trained nets differ on other images of the kind? "
    "Seeds: would the methods differ if they were trained again? A pair is resolved if the 95 % interval of the median "
    f"difference excludes zero over every source with at least {FEWEST} paired units, and lies on the side of the "
    f"difference in miou_paper; with fewer than {FEWEST} images and fewer than {FEWEST} seeds nothing is resolved. The "
    "interval lies between interpolated order statistics (Hettmansperger and Sheather 1986) and assumes no "
    "distribution. An image's own score is its mean IoU over the classes of its truth."
)


def ranking_page(found: Sequence[Ranking]) -> str:
    """Table by table: the rank of each system, its accuracy, and how far it is behind the highest."""
    parts = ["# Ranking by accuracy", _HOW_TO_READ, _RULE]
    for ranking in found:
        lines = [_line(standing) for standing in ranking.standings]
        heads = (
            *("System", "Over images", "Over seeds", "Rank", "miou_paper (%)", "Behind the highest"),
            *("Median image", "Median seed"),
        )
        parts += [f"## {escape(ranking.title)}", _tally(ranking), pipe_table(lines, heads, 3)]
    if not found:
        parts.append("No table has the accuracy of two systems.")
    return "\n\n".join(parts) + "\n"


def _tally(ranking: Ranking) -> str:
    """How many pairs are resolved, by how many trainings, and how many chance alone would resolve."""
    seeds = min(standing.n for standing in ranking.standings)
    trained = "" if seeds >= FEWEST else f" The methods themselves are not ranked: n = {seeds} seed{'s' * (seeds > 1)}."
    chance = f"were all systems equal, about {0.05 * ranking.pairs:.0f} would be by chance"
    return f"{ranking.resolved} of {ranking.pairs} pairs are resolved; {chance}.{trained}"


def _line(standing: Standing) -> tuple[str, ...]:
    place = (str(standing.rank), f"{standing.miou_paper:.2f}")
    behind = standing.behind
    if behind is None:
        return (standing.system, "", "", *place, "", "", "")
    apart = f"{behind.difference:+.2f}{'' if behind.resolved else ', not resolved'}"
    basis = (behind.images_basis, behind.seeds_basis)
    return (standing.system, *basis, *place, apart, _interval(behind.images), _interval(behind.seeds))


def _interval(found: Estimate) -> str:
    """A median with its interval; a dash where it has none."""
    if found.low is None or found.high is None:
        return "–"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
