"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from tabulate import tabulate

from reports.tables.table import Cell, Row, Table


def render(table: Table) -> str:
    """Title, caption, the table, its notes, the sources of its systems and the assumptions made for them."""
    notes = [f"- {escape(note)}" for note in table.notes]
    sources = _sources(table)
    about = ["Sources:", "\n".join(sources)] if sources else []
    parts = [_title(table), escape(table.caption), body(table), "\n".join(notes), *about, _assumptions(table)]
    return "\n\n".join(part for part in parts if part) + "\n"


def brief(table: Table) -> str:
    """Title and table alone, where the caption is a link away."""
    return f"{_title(table)}\n\n{body(table)}\n"


def body(table: Table) -> str:
    """The table itself."""
    heads = ["Method", "Fidelity", *(f"{column.head}: {column.label}" for column in table.columns)]
    lines = []
    for group, rows in table.sections:
        if group:
            lines.append([f"**{escape(group)}**", "", *("" for _ in table.columns)])
        lines += [_line(row) for row in rows]
    return tabulate(
        lines,
        headers=[escape(head) for head in heads],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=("left", "left", *("right" for _ in table.columns)),
    )


def _title(table: Table) -> str:
    return f"**{escape(table.title)}**"


def escape(text: str) -> str:
    """The text with everything that Markdown or HTML would read as markup made literal."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|~$#])", r"\\\1", text)


def _line(row: Row) -> list[str]:
    indent = "&nbsp;&nbsp;" if row.alternative else ""
    return [indent + escape(row.label), escape(row.fidelity), *map(_figure, row.cells)]


def _figure(cell: Cell) -> str:
    text = escape(cell.text)
    marked = {"best": f"**{text}**", "second": f"*{text}*", "": text}[cell.mark]
    return f"{marked} {escape(cell.spread)}".rstrip()


def _sources(table: Table) -> list[str]:
    """One line for each system with the place where it comes from."""
    return [f"- {escape(row.system)}: {escape(row.source)}" for row in table.rows if row.system and row.source]


def _assumptions(table: Table) -> str:
    """What the paper leaves open and what was chosen, folded away, since it is long."""
    lines = [f"- {escape(row.system)}: {escape('; '.join(row.assumptions))}" for row in table.rows if row.assumptions]
    if not lines:
        return ""
    summary = "<details><summary>Assumptions where the paper leaves something open</summary>"
    return "\n\n".join([summary, "\n".join(lines), "</details>"])
