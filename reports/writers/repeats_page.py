"""The records that were measured again, as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.tables.table import plain
from reports.writers.pages import pipe_table
from results.analysis.repeat import POINTS, SPREAD, Repetition
from results.record import Record

_HOW_TO_READ = (
    "A record is confirmed where a later record of the same cell says the same; 'isdbench rerun FILE' makes one. The "
    "oldest record of a cell comes first, each later one beside it. Who measured is what they call themselves "
    "(ISDBENCH_BY); a dash means not said."
)
_RULE = (
    "Accuracy in deterministic mode on the same kind of CPU must be equal, otherwise miou_paper within "
    f"{POINTS:g} points: other rounding trains another net, as another seed does. Latency and memory are compared on "
    f"the same hardware and may be {SPREAD:.0%} beyond the interval."
)
_HEADS = ("Kind", "System", "Dataset", "Seed", "First", "Again", "Verdict", "Value", "First time", "Again, value")


def repeats_page(found: Sequence[Repetition]) -> str:
    """A line for each repetition: both machines, the verdict and the first value that was compared."""
    parts = ["# Records that were measured again", _HOW_TO_READ, _RULE]
    if found:
        holding = sum(one.holds for one in found)
        parts += [f"{holding} of {len(found)} hold.", pipe_table(map(_line, found), _HEADS, 8)]
    else:
        parts.append("No cell has two records.")
    return "\n\n".join(parts) + "\n"


def _line(one: Repetition) -> tuple[str, ...]:
    cell = one.first.cell
    shown = next((value for value in one.findings if not value.holds), one.findings[0])
    words = (cell.kind, cell.system, cell.dataset, str(cell.seed), made_by(one.first), made_by(one.again))
    verdict = "holds" if one.holds else "does not hold"
    return (*map(plain, words), verdict, shown.what, plain(shown.recorded), plain(shown.repeated))


def made_by(record: Record) -> str:
    """Who measured a record, on what, when: "A. Group on AMD EPYC, 2026-11-27"."""
    where = record.cell.hardware or record.environment.cpu_model
    return f"{record.provenance.by or '–'} on {where}, {record.provenance.created[:10]}"
