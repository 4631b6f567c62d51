"""A table on a terminal of 80 columns or more.

Intervals are shown where there is room for them; where there is none for all columns, ratios to the paper are left out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from reports.tables.table import FIDELITY_LEGEND, RATIO_LABEL, Row, Table, fidelity_code

WIDE = 110  # width of a terminal that has room for intervals
_NARROWEST = 10  # of the column of methods, however narrow the terminal


def show(table: Table, console: Console) -> None:
    """Print the table, its caption and its notes. Foreign text is printed as it is, never as markup."""
    console.print(Text(table.title, "bold"))
    grid = _fitted(table, console.width)
    for line, style in grid.lines():
        console.print(Text(line, style), soft_wrap=True)
    left_out = [column.head for column in table.columns if column not in grid.table.columns]
    note = [f"Left out at {console.width} columns: ours / paper of {' and '.join(left_out)}."] if left_out else []
    for paragraph in (*note, table.caption, FIDELITY_LEGEND, *table.notes):
        console.print(Text(paragraph, "dim"))


def _fitted(table: Table, width: int) -> _Grid:
    """The grid, without as many ratios as it takes to fit."""
    grid = _Grid(table, width)
    ratios = [index for index, column in enumerate(table.columns) if column.label == RATIO_LABEL]
    while grid.width > width and ratios:
        grid = _Grid(_without(grid.table, ratios.pop()), width)
    return grid


def _without(table: Table, index: int) -> Table:
    rows = tuple(replace(row, cells=row.cells[:index] + row.cells[index + 1 :]) for row in table.rows)
    return replace(table, columns=table.columns[:index] + table.columns[index + 1 :], rows=rows)


class _Grid:
    """The lines of a table. rich's own tables cannot let a head or a heading span columns."""

    def __init__(self, table: Table, width: int) -> None:
        self.table = table
        self.with_spread = width >= WIDE
        self.gaps = [gap for _, count in table.heads for gap in (2, *[1] * (count - 1))]
        self.labels = [column.label.rsplit(" ", 1) for column in table.columns]
        self.widths = self._figure_widths()
        figures = sum(self.gaps) + sum(self.widths) + 2
        longest = max(cell_len(_method(row)) for row in table.rows)
        self.method = min(longest, max(_NARROWEST, width - figures))

    @property
    def width(self) -> int:
        """Width of the longest line."""
        return self.method + 2 + sum(self.gaps) + sum(self.widths)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line with its style."""
        for line in self._header():
            yield line, "bold"
        yield "─" * self.width, ""
        for group, rows in self.table.sections:
            if group:
                yield group, "italic"
            for row in rows:
                first, *rest = _folded(_method(row), self.method)
                yield self._line(first, fidelity_code(row.fidelity), self._texts(row)), ""
                yield from ((line, "") for line in rest)

    def _figure_widths(self) -> list[int]:
        """Widths that hold labels and figures; the last column of a head is widened where the head is longer."""
        texts = [*(self._texts(row) for row in self.table.rows), *self._label_lines()]
        widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
        start = 0
        for head, count in self.table.heads:
            widths[start + count - 1] += max(0, cell_len(head) - sum(widths[start : start + count]) - count + 1)
            start += count
        return widths

    def _label_lines(self) -> list[list[str]]:
        upper = [label[0].replace(" ", "") if len(label) == 2 else "" for label in self.labels]
        return [upper, [label[-1] for label in self.labels]]

    def _header(self) -> Iterator[str]:
        line, start = " " * (self.method + 2), 0
        for head, count in self.table.heads:
            width = sum(self.widths[start : start + count]) + count - 1
            line += "  " + _padded(head, width, right=True)
            start += count
        yield line
        upper, lower = self._label_lines()
        yield self._line("", "", upper)
        yield self._line("Method", "F", lower)

    def _texts(self, row: Row) -> list[str]:
        return [f"{cell.text} {cell.spread}".rstrip() if self.with_spread else cell.text for cell in row.cells]

    def _line(self, method: str, fidelity: str, figures: Sequence[str]) -> str:
        line = f"{_padded(method, self.method)} {fidelity:1}"
        for gap, figure, width in zip(self.gaps, figures, self.widths, strict=True):
            line += " " * gap + _padded(figure, width, right=True)
        return line.rstrip()


def _method(row: Row) -> str:
    return f"  {row.label}" if row.alternative else row.label


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="    ", drop_whitespace=True) or [""]


def _padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
