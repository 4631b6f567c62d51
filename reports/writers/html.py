"""A table as one self-contained HTML page: no script, no request."""

from __future__ import annotations

from html import escape

from reports.tables.table import Cell, Row, Table

STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.4 }
body { margin: 0 auto; max-width: 90rem; padding: 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin-bottom: 0 }
.caption { margin: .3rem 0; max-width: 70rem } .wide { margin-top: 1rem; overflow-x: auto }
li { max-width: 70rem; overflow-wrap: anywhere } summary { cursor: pointer; margin-top: 1rem }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .5rem; text-align: right; white-space: nowrap }
thead tr:last-child th { border-bottom: 1px solid; vertical-align: bottom; white-space: normal }
th[scope=colgroup] { border-bottom: 1px solid; text-align: center }
th.word, th[scope=row], th[scope=rowgroup], td.word { text-align: left }
th[scope=row] { font-weight: normal; position: sticky; left: 0; background: Canvas }
th[scope=rowgroup] { font-style: italic; padding-top: .6rem } .alternative th[scope=row] { padding-left: 1.6rem }
@media (max-width: 40rem) { th[scope=row] { white-space: normal } tr > .word:nth-child(2) { display: none } }
.best { font-weight: bold } .second { text-decoration: underline }
.spread { display: inline-block; font-weight: normal } .spread, .missing { opacity: .75; font-size: .85em }
"""


def render(table: Table) -> str:
    """The page: title, caption, the table, and everything else folded away behind "details"."""
    caption = "\n".join(f'<p class="caption">{escape(line)}</p>' for line in table.caption)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(table.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(table.title)}</h1>
{caption}
<div class="wide" tabindex="0" role="group" aria-label="Table, scrolls sideways">
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
<tr><td colspan="2"></td>{spans}</tr>
<tr><th class="word" scope="col">Method</th><th class="word" scope="col">Fidelity</th>{labels}</tr>
</thead>
{body}
</table>"""


def _row(row: Row) -> str:
    kind = ' class="alternative"' if row.alternative else ""
    facts = f'<th scope="row">{escape(row.label)}</th><td class="word">{escape(row.fidelity)}</td>'
    return f"<tr{kind}>{facts}{''.join(map(_cell, row.cells))}</tr>"


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
