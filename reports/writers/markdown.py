"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from tabulate import tabulate

from reports.table import Row, Table


def render(table: Table) -> str:
    """Title, caption, the table and its notes."""
    heads = ["Method", "Fidelity", *(f"{column.head}: {column.label}" for column in table.columns)]
    lines = []
    for group, rows in table.sections:
        if group:
            lines.append([f"**{escape(group)}**", "", *("" for _ in table.columns)])
        lines += [_line(row) for row in rows]
    body = tabulate(
        lines,
        headers=[escape(head) for head in heads],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=("left", "left", *("right" for _ in table.columns)),
    )
    notes = [f"- {escape(note)}" for note in table.notes]
    parts = [f"**{escape(table.title)}**", escape(table.caption), body, "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """The text with everything that Markdown or HTML would read as markup made literal."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|~$#])", r"\\\1", text)


def _line(row: Row) -> list[str]:
    indent = "&nbsp;&nbsp;" if row.alternative else ""
    figures = (escape(f"{cell.text} {cell.spread}".rstrip()) for cell in row.cells)
    return [indent + escape(row.label), escape(row.fidelity), *figures]
