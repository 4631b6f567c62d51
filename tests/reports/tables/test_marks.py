"""Marks: who shares the first place of a column, who comes second, and what is not ranked at all."""

import pytest

from reports.tables.marks import marked, places
from reports.tables.table import Cell, Column, Row


def ours(value, reach=0.1):
    return Cell(str(value), status="ok", value=value, low=value - reach, high=value + reach)


def once(value):
    """A value of a single run, which has no interval."""
    return Cell(str(value), "(n = 1)", "ok", value, n=1)


def printed(value):
    """A value of the paper, which states no number of runs."""
    return Cell(str(value), status="printed", value=value, low=value, high=value)


NONE = Cell("oom", status="oom")


@pytest.mark.parametrize(
    ("cells", "sign", "expected"),
    [
        ([ours(3.0), ours(1.0), ours(2.0)], 1, ["best", "", "second"]),
        ([ours(3.0), ours(1.0), ours(2.0)], -1, ["", "best", "second"]),
        ([printed(3.0), printed(3.0), printed(2.0)], 1, ["", "", ""]),
        ([ours(3.0, 0.5), ours(2.6, 0.2), ours(2.3, 0.1)], 1, ["best", "best", "second"]),
        ([ours(3.0), once(4.0), ours(2.0)], 1, ["best", "", "second"]),
        ([once(3.0), once(1.0), once(2.0)], 1, ["", "", ""]),
        ([NONE, ours(1.0), NONE], 1, ["", "", ""]),
        ([ours(1.0), ours(2.0)], 0, ["", ""]),
        ([], 1, []),
    ],
)
def test_places(cells, sign, expected):
    assert places(cells, sign) == expected


def test_columns_are_marked_by_their_arrow_and_comparisons_are_not():
    columns = (Column("fps_ours", "FPS ↑ (1/s)", "ours"), Column("fps_ratio", "FPS ↑ (1/s)", "ours / paper"))
    rows = [
        Row("a", "", "A", "a", "", (ours(1.0), ours(2.0))),
        Row("b", "", "B", "b", "", (ours(5.0), ours(1.0))),
    ]
    assert [[cell.mark for cell in row.cells] for row in marked(columns, rows)] == [["second", ""], ["best", ""]]
