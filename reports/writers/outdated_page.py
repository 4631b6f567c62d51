"""The records that an older version of the metrics measured, as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.tables.table import plain
from reports.writers.pages import pipe_table
from results.cell import METRIC_VERSION
from results.record import Record

_HOW_TO_READ = (
    f"Today's metric version is {METRIC_VERSION}. A record of an older one stays valid for what it says, but no table "
    "sets it beside a newer one. 'isdbench rerun FILE' measures its cell again; CHANGELOG.md says what each version "
    "changed."
)
_HEADS = ("Kind", "System", "Dataset", "Profile", "Device", "Key", "Metric version")


def outdated(records: Sequence[Record]) -> list[Record]:
    """The records whose metric version is older than today's."""
    return [record for record in records if record.cell.protocol.metric_version < METRIC_VERSION]


def outdated_page(records: Sequence[Record]) -> str:
    """A line for each outdated record."""
    lines = [_line(record) for record in outdated(records)]
    listed = pipe_table(lines, _HEADS, 6) if lines else "No record is of an older version."
    return "\n\n".join(["# Records of older metrics", _HOW_TO_READ, listed]) + "\n"


def _line(record: Record) -> tuple[str, ...]:
    cell = record.cell
    words = (cell.kind, cell.system, cell.dataset, cell.profile, cell.device, record.key)
    return (*map(plain, words), str(cell.protocol.metric_version))
