"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from tabulate import tabulate

from reports.tables.table import Cell, Table


def render(table: Table) -> str:
    """The table with its caption, and everything else folded away behind "details"."""
    details = []
    for heading, lines in table.details:
        details += [f"**{heading}**", "\n".join(f"- {escape(line)}" for line in lines)]
    folded = ["<details><summary>Details</summary>", *details, "</details>"] if details else []
    return "\n\n".join([brief(table).rstrip(), *folded]) + "\n"


def brief(table: Table) -> str:
    """Title, caption and table alone, without the columns that hold no value."""
    values = [[row.cells[index].value for row in table.rows] for index in range(len(table.columns))]
    empty = [column for column, of in zip(table.columns, values, strict=True) if set(of) == {None}]
    caption = "<br>\n".join(map(escape, table.caption))
    return f"**{escape(table.title)}**\n\n{caption}\n\n{body(table.without(empty))}\n"


def body(table: Table) -> str:
    """The table itself."""
    heads = ["Method", "Fidelity", *(f"{column.head}: {column.label}" for column in table.columns)]
    lines = []
    for group, rows in table.sections:
        if group:
            lines.append([f"**{escape(group)}**", "", *("" for _ in table.columns)])
        for row in rows:
            indent = "&nbsp;&nbsp;" if row.alternative else ""
            lines.append([indent + escape(row.label), escape(row.fidelity), *map(_cell, row.cells)])
    return tabulate(
        lines,
        headers=[escape(head) for head in heads],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=("left", "left", *("right" for _ in table.columns)),
    )


def escape(text: str) -> str:
    """The text with everything that Markdown or HTML would read as markup made literal."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|~$#])", r"\\\1", text)


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    marked = {"best": f"**{text}**", "second": f"*{text}*", "": text}[cell.mark]
    return f"{marked} {escape(cell.spread)}".rstrip()
