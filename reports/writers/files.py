"""Tables as files: one for each table and format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reports.tables.table import Table
from reports.writers import html, latex, markdown, table_csv
from reports.writers.pages import write_page
from results.errors import UnknownNameError

WRITERS: Mapping[str, Callable[[Table], str]] = {
    "md": markdown.render,
    "tex": latex.render,
    "html": html.render,
    "csv": table_csv.render,
}


def write_reports(tables: Sequence[Table], out: Path, formats: Sequence[str] = tuple(WRITERS)) -> list[Path]:
    """Write the tables under ``out`` as "table1.md" and so on, and return the paths.

    Where several groups of records feed one table, the file names tell the groups apart.

    Raises:
        UnknownNameError: a format is unknown.
        ReportError: ``out`` cannot be written.
    """
    unknown = next((name for name in formats if name not in WRITERS), None)
    if unknown is not None:
        raise UnknownNameError("format", unknown, WRITERS)
    return [write_page(out, f"{table.name}.{suffix}", WRITERS[suffix](table)) for table in tables for suffix in formats]
