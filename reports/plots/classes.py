"""IoU of each class and system, as a heat map with numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.plots.style import MOST, footnote, heading, of_all, styled
from results.record import Record


def draw(records: Sequence[Record]) -> Figure | None:
    """A heat map of finished accuracy records by class; None without any. An absent class shows a dash."""
    scored = [(record, record.accuracy.iou) for record in records if record.accuracy is not None]
    done = scored[:MOST]
    if not done:
        return None
    classes = [name for name in done[0][1] if all(name in iou for _, iou in done)]
    values = np.array([[np.nan if iou[name] is None else iou[name] for name in classes] for _, iou in done], np.float64)
    with styled():
        figure = Figure(figsize=(1.8 + 0.55 * len(classes), 1.4 + 0.22 * len(done)), layout="constrained")
        panel = figure.subplots()
        panel.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        panel.set_xticks(range(len(classes)), [name.removeprefix("iou_") for name in classes], rotation=60, ha="right")
        panel.set_yticks(range(len(done)), [f"{record.cell.system} (seed {record.cell.seed})" for record, _ in done])
        for (row, column), value in np.ndenumerate(values):
            text = "–" if np.isnan(value) else f"{value:.0f}"
            colour = "black" if np.isnan(value) or value > 55 else "white"
            number = panel.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
            number.set_in_layout(False)  # it lies in the panel; measuring it takes as long as drawing it
        heading(figure, "IoU by class (%)")
        cell = done[0][0].cell
        footnote(
            figure,
            f"{cell.dataset}, split {cell.split}, profile {cell.profile}." + of_all(len(done), len(scored)),
        )
    return figure
