"""Accuracy against speed, memory as area, and the Pareto front: the paper's values and ours, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from reports.plots.style import footnote, heading, plain_numbers, styled
from reports.tables.table import Row, Table
from reports.theme import FRONT, OURS

PLACES = tuple(
    (x, y) for y in (5, -9, 12, -16, 19, -23, 26, -30) for x in (4, -4, 10, -10)
)  # offsets of a label from its point


@dataclass(frozen=True)
class Point:
    """A system in the plane; memory in MiB, None where it is unknown."""

    label: str
    fps: float
    accuracy: float
    memory_mib: float | None


def draw(table: Table) -> Figure | None:
    """A panel for the paper's values and one for ours; None where ours has fewer than two points."""
    sides = {"paper": points(table, "printed"), "ours": points(table, "ours")}
    if len(sides["ours"]) < 2:
        return None
    shown = {side: found for side, found in sides.items() if found}
    with styled():
        figure = Figure(figsize=(0.6 + 4.2 * len(shown), 4.2), layout="constrained")
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for panel, (side, found) in zip(panels, shown.items(), strict=True):
            _panel(panel, found, side)
        heading(figure, table.title)
        footnote(figure, "Line and warm colour: Pareto front (no system is both faster and more accurate).")
        figure.draw_without_rendering()  # lays the panels out; labels need to know where their points are
        for panel, found in zip(panels, shown.values(), strict=True):
            _name(panel, found)
    return figure


def points(table: Table, side: str) -> list[Point]:
    """The systems of a table with accuracy and FPS on one side, "printed" or "ours"."""
    found = []
    for row in table.rows:
        accuracy, fps, memory = (_value(table, row, head, side) for head in ("miou_paper", "FPS", "Memory"))
        if accuracy is not None and fps is not None:
            found.append(Point(row.system or row.row, fps, accuracy, memory))
    return found


def front(found: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in both, in order of speed."""
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
    largest = max((point.memory_mib or 0.0 for point in found), default=0.0)
    area = f", area: memory up to {largest:.0f} MiB" if largest else ""
    panel.set_title(f"{title} (n = {len(found)} systems{area})", loc="left")
    panel.set_xlabel("FPS (1/s), logarithmic")
    panel.set_ylabel("miou_paper (%)")
    panel.set_xscale("log")
    plain_numbers(panel.xaxis)
    best = front(found)
    panel.plot([p.fps for p in best], [p.accuracy for p in best], color=FRONT, linewidth=0.8, zorder=1)
    for point in found:
        colour, size = FRONT if point in best else OURS, _area(point, found)
        panel.scatter(point.fps, point.accuracy, s=size, color=colour, alpha=0.6, linewidths=0.5, edgecolors="black")
    panel.margins(0.2, 0.15)


def _area(point: Point, found: Sequence[Point]) -> float:
    """The area of a point's marker in square points."""
    largest = max(other.memory_mib or 0.0 for other in found) or 1.0
    return 20 + 400 * (point.memory_mib or 0.0) / largest


def _name(panel: Axes, found: Sequence[Point]) -> None:
    """A label at each point, at the first offset where it lies in the panel and covers neither marker nor label."""
    taken = [_marker(panel, point, _area(point, found)) for point in found]
    for point in sorted(found, key=lambda point: point.fps):
        for place in PLACES:
            label = _label(panel, point, place)
            box = label.get_window_extent()
            if not box.count_overlaps(taken) and panel.bbox.x0 < box.x0 and box.x1 < panel.bbox.x1:
                break
            label.remove()
        else:
            label = _label(panel, point, PLACES[1])
        taken.append(label.get_window_extent())


def _marker(panel: Axes, point: Point, area: float) -> Bbox:
    """The square inside a point's marker, in the pixels of the figure."""
    x, y = panel.transData.transform((point.fps, point.accuracy))
    half = math.sqrt(area) / 2 * 0.7 * panel.figure.dpi / 72
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def _label(panel: Axes, point: Point, place: tuple[int, int]) -> Annotation:
    label = panel.annotate(
        point.label,
        (point.fps, point.accuracy),
        fontsize=6,
        xytext=place,
        textcoords="offset points",
        ha="left" if place[0] > 0 else "right",
    )
    label.set_in_layout(False)
    return label
