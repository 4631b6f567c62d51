"""Best and second best of each column: the paper's by its figures, ours where intervals leave no doubt of the order.

A figure shares a place with the figure at its head when their intervals overlap; a figure without an interval is a
point. What was measured once ("n = 1") is therefore marked as if it were certain: its table says n = 1 beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.tables.table import Cell, Column, Mark, Row

MARKS = (
    "Bold: best of its column; underlined, or italic in Markdown: second best; figures whose intervals overlap share a"
    " place."
)
_COMPARISONS = ("ratio", "difference")


def marked(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with the marks of every column that has an arrow in its head and is no comparison."""
    table = [list(row.cells) for row in rows]
    for index, column in enumerate(columns):
        if not column.name.endswith(_COMPARISONS):
            marks = places([row.cells[index] for row in rows], _sign(column.head))
            for cells, mark in zip(table, marks, strict=True):
                cells[index] = replace(cells[index], mark=mark)
    return tuple(replace(row, cells=tuple(cells)) for row, cells in zip(rows, table, strict=True))


def places(cells: Sequence[Cell], sign: int) -> list[Mark]:
    """The mark of each cell; ``sign`` is 1 where more is better, -1 where less is, 0 where neither. None is quoted."""
    left = {
        index: cell for index, cell in enumerate(cells) if cell.value is not None and cell.status != "quoted" and sign
    }
    marks: list[Mark] = ["" for _ in cells]
    order: tuple[Mark, ...] = ("best", "second") if len(left) > 1 else ()
    for mark in order:
        if left:
            head = max(left.values(), key=lambda cell: sign * _value(cell))
            for index in [index for index, cell in left.items() if _overlap(cell, head)]:
                marks[index] = mark
                del left[index]
    return marks


def _sign(head: str) -> int:
    return ("↑" in head) - ("↓" in head)


def _value(cell: Cell) -> float:
    assert cell.value is not None  # only figures are ranked
    return cell.value


def _overlap(cell: Cell, head: Cell) -> bool:
    (low, high), (head_low, head_high) = _interval(cell), _interval(head)
    return low <= head_high and head_low <= high


def _interval(cell: Cell) -> tuple[float, float]:
    value = _value(cell)
    return (value if cell.low is None else cell.low, value if cell.high is None else cell.high)
