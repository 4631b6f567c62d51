"""A table in a terminal. Intervals are shown where there is room.

Where columns do not fit, ratios to the paper go first, then single classes and the boundary.
"""

from __future__ import annotations

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from reports.tables.table import FIDELITY_LEGEND, RATIO_LABEL, Row, Table, fidelity_code

WIDE = 110  # width of a terminal with room for intervals
_CLASSES = ("iou_", "boundary_iou")  # how the names of columns begin that a table has beside its mean
_NARROWEST = 16  # width that the column of methods needs


def show(table: Table, console: Console) -> None:
    """Print title, caption, table and details. Foreign text is printed as it is, never as markup."""
    shown, grid = table, _grid(table, console)
    classes = [column for column in table.columns if column.name.startswith(_CLASSES)]
    ratios = [column for column in table.columns if column.label == RATIO_LABEL]
    optional, left_out = [*classes, *ratios], []
    while optional and _NARROWEST + sum((column.width or 1) + 2 for column in grid.columns) > console.width:
        left_out.append(optional.pop())
        shown = shown.without([left_out[-1]])
        grid = _grid(shown, console)
    console.print(Text(table.title, "bold"))
    for line in table.caption:
        console.print(Text(line))
    console.print(grid)
    if left_out:
        names = [f"{column.label if column in ratios else ''} {column.head}".strip() for column in reversed(left_out)]
        console.print(Text(f"Left out at {console.width} columns, see the files below: {', '.join(names)}.", "dim"))
    console.print(Text(FIDELITY_LEGEND, "dim"))
    for line in (*table.setup, *table.notes):
        console.print(Text(line, "dim"))


def _grid(table: Table, console: Console) -> Grid:
    """The table for a console; the head that columns share stands over the first of them."""
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("Method", overflow="fold")
    grid.add_column("F")
    lines = [_texts(row, with_spread=console.width >= WIDE) for row in table.rows]
    for index, column in enumerate(table.columns):
        first = index == 0 or table.columns[index - 1].head != column.head
        words = [*(column.head.split(" ", 1) if first else ()), *column.label.rsplit(" ", 1)]
        width = max(map(cell_len, [*words, *(line[index + 2] for line in lines)]))
        grid.add_column(Text("\n".join(words)), justify="right", vertical="bottom", width=width)
    group = ""
    for row, texts in zip(table.rows, lines, strict=True):
        if row.group != group:
            group = row.group
            grid.add_row(Text(group, "italic"))
        grid.add_row(*map(Text, texts))
    return grid


def _texts(row: Row, *, with_spread: bool) -> list[str]:
    label = f"  {row.label}" if row.alternative else row.label
    values = [f"{cell.text} {cell.spread}".rstrip() if with_spread else cell.text for cell in row.cells]
    return [label, fidelity_code(row.fidelity), *values]
