"""Accuracy against speed, memory as area, and the Pareto front: the paper's figures and ours, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.style import COLOURS, footnote, plain_numbers, styled
from reports.table import Row, Table


@dataclass(frozen=True)
class Point:
    """A system in the plane; memory in MB, None where there is no figure."""

    label: str
    fps: float
    accuracy: float
    memory_mb: float | None


def draw(table: Table) -> Figure | None:
    """Two panels of one table with accuracy and FPS columns; None where neither has two points."""
    sides = {side: points(table, side) for side in ("printed", "ours")}
    if max(map(len, sides.values())) < 2:
        return None
    with styled():
        figure = Figure(figsize=(9.0, 4.2), layout="constrained")
        panels = figure.subplots(1, 2)
        for panel, (side, found) in zip(panels, sides.items(), strict=True):
            _panel(panel, found, {"printed": "paper", "ours": "ours"}[side])
        figure.suptitle(table.title, fontsize=9)
        footnote(figure, "Area: memory. Line: Pareto front (no system is both faster and more accurate).")
    return figure


def points(table: Table, side: str) -> list[Point]:
    """The systems of a table with accuracy and FPS on one side, "printed" or "ours"."""
    found = []
    for row in table.rows:
        accuracy, fps, memory = (_value(table, row, head, side) for head in ("miou_paper", "FPS", "Memory"))
        if accuracy is not None and fps is not None:
            found.append(Point(f"{row.label}", fps, accuracy, memory))
    return found


def front(found: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in both, by rising speed."""
    kept = [
        point
        for point in found
        if not any(other.fps > point.fps and other.accuracy > point.accuracy for other in found)
    ]
    return sorted(kept, key=lambda point: (point.fps, -point.accuracy))


def _value(table: Table, row: Row, head: str, side: str) -> float | None:
    for column, cell in zip(table.columns, row.cells, strict=True):
        if column.head.startswith(head) and column.name.endswith(f"_{side}"):
            return cell.value
    return None


def _panel(panel: Axes, found: Sequence[Point], title: str) -> None:
    panel.set_title(f"{title} (n = {len(found)} systems)")
    panel.set_xlabel("FPS (1/s), logarithmic")
    panel.set_ylabel("miou_paper (%)")
    if not found:
        panel.text(0.5, 0.5, "no system has both figures", ha="center", transform=panel.transAxes)
        return
    panel.set_xscale("log")
    plain_numbers(panel.xaxis)
    largest = max((point.memory_mb or 0.0 for point in found), default=0.0) or 1.0
    best = front(found)
    panel.plot([p.fps for p in best], [p.accuracy for p in best], color="#555555", linewidth=0.8, zorder=1)
    for number, point in enumerate(sorted(found, key=lambda point: point.fps)):
        area = 20 + 400 * (point.memory_mb or 0.0) / largest
        colour = COLOURS[5] if point in best else COLOURS[0]
        panel.scatter(point.fps, point.accuracy, s=area, color=colour, alpha=0.6, linewidths=0.5, edgecolors="black")
        panel.annotate(
            point.label,
            (point.fps, point.accuracy),
            fontsize=6,
            xytext=(3, 5 if number % 2 else -9),
            textcoords="offset points",
        )
    panel.margins(0.15)
