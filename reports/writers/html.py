"""A table as one self-contained HTML page: no script, no request."""

from __future__ import annotations

from html import escape

from reports.tables.table import Cell, Row, Table
from reports.theme import css


def render(table: Table) -> str:
    """The page: title, caption, the table, and everything else folded away behind "details"."""
    caption = "\n".join(f'<p class="caption">{escape(line)}</p>' for line in table.caption)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(table.title)}</title>
<style>{css()}</style>
</head>
<body>
<main>
<h1 id="title">{escape(table.title)}</h1>
{caption}
<div class="wide" role="region" aria-labelledby="title" tabindex="0">
{_table(table)}
</div>
{_details(table)}
</main>
</body>
</html>
"""


def _table(table: Table) -> str:
    spans = "".join(f'<th scope="colgroup" colspan="{count}">{escape(head)}</th>' for head, count in table.heads)
    labels = "".join(f'<th scope="col">{escape(column.label)}</th>' for column in table.columns)
    width = len(table.columns) + 2
    bodies = []
    for group, rows in table.sections:
        heading = f'<tr><th scope="rowgroup" colspan="{width}">{escape(group)}</th></tr>\n' if group else ""
        bodies.append("<tbody>\n" + heading + "\n".join(map(_row, rows)) + "\n</tbody>")
    body = "\n".join(bodies)
    return f"""<table>
<thead>
<tr><td></td>{spans}<td></td></tr>
<tr><th class="word" scope="col">Method</th>{labels}<th class="word" scope="col">Fidelity</th></tr>
</thead>
{body}
</table>"""


def _row(row: Row) -> str:
    kind = ' class="alternative"' if row.alternative else ""
    name, fidelity = f'<th scope="row">{escape(row.label)}</th>', f'<td class="word">{escape(row.fidelity)}</td>'
    return f"<tr{kind}>{name}{''.join(map(_cell, row.cells))}{fidelity}</tr>"


def _cell(cell: Cell) -> str:
    spread = f' <span class="spread">{escape(cell.spread)}</span>' if cell.spread else ""
    kind = cell.mark or ("missing" if cell.value is None and cell.text else "")
    opening = f'<td class="{kind}">' if kind else "<td>"
    return f"{opening}{escape(cell.text)}{spread}</td>"


def _details(table: Table) -> str:
    parts = []
    for heading, lines in table.details:
        items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
        parts.append(f"<h2>{escape(heading)}</h2>\n<ul>\n{items}\n</ul>")
    return "\n".join(["<details>\n<summary>Details</summary>", *parts, "</details>"]) if parts else ""
