"""From records to tables; each group of comparable records gets its own table."""

from __future__ import annotations

from collections.abc import Sequence

from reports.tables.frame import records_frame
from reports.tables.groups import groups, numbered
from reports.tables.rows import build_table, is_fed
from reports.tables.table import SystemFacts, Table
from results.errors import UserError
from results.paper import TABLE_NAMES, paper_table
from results.record import Record


class ReportError(UserError):
    """A report cannot be made or written."""


def build_tables(
    records: Sequence[Record], systems: Sequence[SystemFacts], names: Sequence[str] = TABLE_NAMES
) -> list[Table]:
    """The named tables, one for each group of comparable records that feeds it.

    Raises:
        UnknownNameError: a name is not a table.
        ReportError: there are no records.
    """
    if not records:
        raise ReportError("no records to report; make some with 'isdbench run table1'")
    found = groups(records_frame(records))
    tables: list[Table] = []
    for name in names:
        paper = paper_table(name)
        fitting = [group for group in found if group.fits(paper) and is_fed(paper, group, systems)]
        stems = [name] if len(fitting) == 1 else numbered(f"{name}-{group.slug}" for group in fitting)
        tables += [build_table(paper, group, systems, stem) for group, stem in zip(fitting, stems, strict=True)]
    return tables


def missing(table: Table) -> dict[str, list[str]]:
    """The paper's rows that lack a value of ours, by reason: {"not run": ["glnet"], "oom": ["unet-local"]}."""
    found: dict[str, list[str]] = {}
    for row in table.rows:
        reasons = [
            cell.status
            for column, cell in zip(table.columns, row.cells, strict=True)
            if column.name.endswith("_ours") and cell.value is None and cell.status
        ]
        for reason in dict.fromkeys(reasons) if row.row and not row.alternative else ():
            found.setdefault(reason, []).append(row.row)
    return found
