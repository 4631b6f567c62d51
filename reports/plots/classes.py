"""IoU of each class and system, as a heat map with numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.plots.style import MOST, footnote, of_all, styled
from results.record import Accuracy, Record


def draw(records: Sequence[Record]) -> Figure | None:
    """A heat map of finished accuracy records by class; None without any. An absent class shows a dash."""
    scored = [record for record in records if record.accuracy is not None]
    done = scored[:MOST]
    if not done:
        return None
    classes = [name for name in _accuracy(done[0]).iou if all(name in _accuracy(record).iou for record in done)]
    values = np.array([[_number(_accuracy(record).iou[name]) for name in classes] for record in done])
    with styled():
        figure = Figure(figsize=(1.8 + 0.55 * len(classes), 1.4 + 0.22 * len(done)), layout="constrained")
        panel = figure.subplots()
        panel.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        panel.set_xticks(range(len(classes)), [name.removeprefix("iou_") for name in classes], rotation=60, ha="right")
        panel.set_yticks(range(len(done)), [f"{r.cell.system} (seed {r.cell.seed})" for r in done])
        for (row, column), value in np.ndenumerate(values):
            text = "–" if np.isnan(value) else f"{value:.0f}"
            colour = "black" if np.isnan(value) or value > 55 else "white"
            panel.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
        panel.set_title("IoU by class (%)")
        footnote(
            figure,
            f"{done[0].cell.dataset}, split {done[0].cell.split}, profile {done[0].cell.profile}."
            + of_all(len(done), len(scored)),
        )
    return figure


def _accuracy(record: Record) -> Accuracy:
    assert record.accuracy is not None
    return record.accuracy


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
