"""From records to tables to files; each group of comparable records gets its own table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reports.tables.frame import records_frame
from reports.tables.groups import groups
from reports.tables.rows import build_table, is_fed
from reports.tables.table import SystemFacts, Table
from reports.writers import html, latex, markdown, table_csv
from results.errors import UnknownNameError, UserError
from results.paper import TABLE_NAMES, paper_table
from results.record import Record


class ReportError(UserError):
    """A report cannot be made or written."""


WRITERS: Mapping[str, Callable[[Table], str]] = {
    "md": markdown.render,
    "tex": latex.render,
    "html": html.render,
    "csv": table_csv.render,
}


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
        for group in fitting:
            stem = name if len(fitting) == 1 else f"{name}-{group.slug}"
            repeats = sum(table.name == stem for table in tables)
            tables.append(build_table(paper, group, systems, f"{stem}-{repeats + 1}" if repeats else stem))
    return tables


def write_reports(tables: Sequence[Table], out: Path, formats: Sequence[str] = tuple(WRITERS)) -> list[Path]:
    """Write the tables under ``out`` as "table1.md" and so on, and return the paths.

    Where several groups feed one table, the file names tell the groups apart.

    Raises:
        UnknownNameError: a format is unknown.
        ReportError: ``out`` cannot be written.
    """
    unknown = next((name for name in formats if name not in WRITERS), None)
    if unknown is not None:
        raise UnknownNameError("format", unknown, WRITERS)
    paths = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for table in tables:
            for suffix in formats:
                path = out / f"{table.name}.{suffix}"
                path.write_text(WRITERS[suffix](table), encoding="utf-8", newline="\n")
                paths.append(path)
    except OSError as error:
        raise ReportError(f"--out {out}: cannot write: {error.strerror}; choose another folder with --out") from error
    return paths


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
