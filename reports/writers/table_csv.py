"""A table as CSV for machines: full precision, one line per row, every column named with its definition."""

from __future__ import annotations

import pandas as pd

from reports.tables.table import Column, Row, Table


def render(table: Table) -> str:
    """Facts of the row, then its values; ours also with interval, number of records, status, keys and protocol."""
    frame = pd.DataFrame([_line(row, table.columns) for row in table.rows])
    return str(frame.to_csv(index=False, lineterminator="\n"))


def escape(text: str) -> str:
    """The text with a leading apostrophe where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _line(row: Row, columns: tuple[Column, ...]) -> dict[str, str | float | int | None]:
    line: dict[str, str | float | int | None] = {
        "row": row.row,
        "group": row.group,
        "method": escape(row.method),
        "system": escape(row.system),
        "fidelity": escape(row.fidelity),
        "alternative": "yes" if row.alternative else "no",
        "source": escape(row.source),
    }
    for column, cell in zip(columns, row.cells, strict=True):
        line[column.name] = cell.text if cell.status in ("printed", "quoted") else cell.value
        if column.name.endswith("_ours") and cell.status:
            line[f"{column.name}_low"] = cell.low
            line[f"{column.name}_high"] = cell.high
            line[f"{column.name}_n"] = cell.n
            line[f"{column.name}_status"] = cell.status
            line[f"{column.name}_records"] = " ".join(cell.records)
            line[f"{column.name}_protocol"] = cell.protocol
    return line
