"""Best and second best of each column of ours, among the values that have an interval.

Values whose intervals overlap the leader's share its place. A single run has no interval, so it is listed, not ranked;
nor is a printed value, of which the paper states no number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.tables.table import Cell, Column, Mark, Row

MARKS = (
    "Bold: best of ours in its column; underlined (italic in Markdown): second best; values whose 95 % intervals "
    "overlap share a place. Marked are only values with an interval, which takes six timed calls or six seeds: "
    "accuracy and memory of a single run (n = 1) never are, nor are the paper's values, of which it states no number "
    "of runs."
)
_COMPARISONS = ("ratio", "difference")


def marked(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with marks in every column that has an arrow in its head and is not a comparison.

    A reference row takes no place.
    """
    table = [list(row.cells) for row in rows]
    for index, column in enumerate(columns):
        if not column.name.endswith(_COMPARISONS):
            sign = ("↑" in column.head) - ("↓" in column.head)
            marks = places([Cell() if row.is_reference else row.cells[index] for row in rows], sign)
            for cells, mark in zip(table, marks, strict=True):
                cells[index] = replace(cells[index], mark=mark)
    return tuple(replace(row, cells=tuple(cells)) for row, cells in zip(rows, table, strict=True))


def places(cells: Sequence[Cell], sign: int) -> list[Mark]:
    """The mark of each cell; ``sign`` is 1 where more is better, -1 where less is, 0 where neither is."""
    left = {index: ends for index, cell in enumerate(cells) if sign and (ends := _ranked(cell, sign))}
    marks: list[Mark] = ["" for _ in cells]
    order: tuple[Mark, ...] = ("best", "second") if len(left) > 1 else ()
    for mark in order:
        _, low, high = max(left.values(), default=(0.0, 0.0, 0.0))
        for index in [
            index for index, (_, other_low, other_high) in left.items() if low <= other_high and other_low <= high
        ]:
            marks[index] = mark
            del left[index]
    return marks


def _ranked(cell: Cell, sign: int) -> tuple[float, float, float] | None:
    """Goodness of a value of ours, and its interval; None where it is not ranked."""
    if cell.value is None or cell.low is None or cell.high is None or cell.status in ("printed", "quoted"):
        return None
    return sign * cell.value, cell.low, cell.high
