"""Places of figures: who shares the head of a column, and who comes next."""

import pytest

from reports.tables.marks import marked, places
from reports.tables.table import Cell, Column, Row


def figure(value, low=None, high=None):
    return Cell(str(value), status="ok", value=value, low=low, high=high)


NONE = Cell("oom", status="oom")


@pytest.mark.parametrize(
    ("cells", "sign", "expected"),
    [
        ([figure(3.0), figure(1.0), figure(2.0)], 1, ["best", "", "second"]),
        ([figure(3.0), figure(1.0), figure(2.0)], -1, ["", "best", "second"]),
        ([figure(3.0), figure(3.0), figure(2.0)], 1, ["best", "best", "second"]),
        ([figure(3.0, 2.5, 3.5), figure(2.6, 2.4, 2.8), figure(2.3, 2.2, 2.4)], 1, ["best", "best", "second"]),
        ([figure(3.0, 2.5, 3.5), figure(2.0)], 1, ["best", "second"]),
        ([NONE, figure(1.0), NONE], 1, ["", "", ""]),
        ([figure(1.0), figure(2.0)], 0, ["", ""]),
        ([], 1, []),
    ],
)
def test_places(cells, sign, expected):
    assert places(cells, sign) == expected


def test_columns_are_marked_by_their_arrow_and_comparisons_are_not():
    columns = (Column("fps_ours", "FPS ↑ (1/s)", "ours"), Column("fps_ratio", "FPS ↑ (1/s)", "ours / paper"))
    rows = [
        Row("a", "", "A", "a", "", (figure(1.0), figure(2.0))),
        Row("b", "", "B", "b", "", (figure(5.0), figure(1.0))),
    ]
    assert [[cell.mark for cell in row.cells] for row in marked(columns, rows)] == [["second", ""], ["best", ""]]
