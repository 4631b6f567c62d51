"""A table as one HTML page that needs nothing but itself: no script, no request."""

from __future__ import annotations

from html import escape

from reports.tables.table import Cell, Row, Table

STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 2rem; max-width: 90rem }
main { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption, p, li { text-align: left; max-width: 60rem; line-height: 1.4 }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap }
thead tr:last-child th { border-bottom: 1px solid }
th[scope=row], th[scope=rowgroup], td.word { text-align: left }
th[scope=row] { font-weight: normal } th[scope=rowgroup] { font-style: italic; padding-top: .6rem }
.best { font-weight: bold } .second { text-decoration: underline }
.spread, .missing { opacity: .75; font-size: .85em } .alternative th { padding-left: 1.6rem }
"""


def render(table: Table) -> str:
    """The page: title, caption, the table with sources, notes and the assumptions made for the systems."""
    assumptions = tuple(f"{row.system}: {'; '.join(row.assumptions)}" for row in table.rows if row.assumptions)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(table.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(table.title)}</h1>
<main>
{fragment(table)}
</main>
{_list("Notes", table.notes)}
{_list("Assumptions where the paper leaves something open", assumptions)}
</body>
</html>
"""


def fragment(table: Table) -> str:
    """The ``table`` element alone, for a page that holds several."""
    spans = "".join(f'<th scope="colgroup" colspan="{count}">{escape(head)}</th>' for head, count in table.heads)
    labels = "".join(f'<th scope="col">{escape(column.label)}</th>' for column in table.columns)
    body = "\n".join(_section(table, group, rows) for group, rows in table.sections)
    return f"""<table>
<caption>{escape(table.caption)}</caption>
<thead>
<tr><th></th><th></th><th></th>{spans}</tr>
<tr><th scope="col">Method</th><th scope="col">Fidelity</th><th scope="col">Source</th>{labels}</tr>
</thead>
{body}
</table>"""


def _section(table: Table, group: str, rows: list[Row]) -> str:
    width = len(table.columns) + 3
    heading = f'<tr><th scope="rowgroup" colspan="{width}">{escape(group)}</th></tr>\n' if group else ""
    return "<tbody>\n" + heading + "\n".join(map(_row, rows)) + "\n</tbody>"


def _row(row: Row) -> str:
    kind = ' class="alternative"' if row.alternative else ""
    facts = f'<th scope="row">{escape(row.label)}</th>' + "".join(
        f'<td class="word">{escape(text)}</td>' for text in (row.fidelity, row.source)
    )
    return f"<tr{kind}>{facts}{''.join(map(_cell, row.cells))}</tr>"


def _cell(cell: Cell) -> str:
    spread = f' <span class="spread">{escape(cell.spread)}</span>' if cell.spread else ""
    kind = cell.mark or ("missing" if cell.value is None and cell.text else "")
    opening = f'<td class="{kind}">' if kind else "<td>"
    return f"{opening}{escape(cell.text)}{spread}</td>"


def _list(head: str, lines: tuple[str, ...]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{head}</h2>\n<ul>\n{items}\n</ul>" if lines else ""
