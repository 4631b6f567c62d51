"""Confusion matrices: the share of each true class's pixels (row) that was predicted as each class (column)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.plots.style import footnote, of_all, styled
from results.record import Record

_ACROSS = 4


def draw(records: Sequence[Record]) -> Figure | None:
    """A panel for each finished accuracy record, at most sixteen; None without any."""
    scored = [(record, record.accuracy) for record in records if record.accuracy is not None]
    done = scored[:16]
    if not done:
        return None
    rows = math.ceil(len(done) / _ACROSS)
    across = min(_ACROSS, len(done))
    with styled():
        figure = Figure(figsize=(2.3 * across + 0.8, 2.4 * rows + 0.4), layout="constrained")
        panels = figure.subplots(rows, across, squeeze=False).ravel()
        for panel, (record, accuracy) in zip(panels, done, strict=False):
            classes = [name.removeprefix("iou_") for name in accuracy.iou]
            image = panel.imshow(shares(accuracy.confusion), cmap="cividis", vmin=0, vmax=1)
            few = len(classes) <= 8
            panel.set_xticks(range(len(classes)) if few else [], classes if few else [], rotation=90, fontsize=5)
            panel.set_yticks(range(len(classes)) if few else [], classes if few else [], fontsize=5)
            panel.set_title(record.cell.system, fontsize=7)
        for panel in panels[len(done) :]:
            panel.set_axis_off()
        figure.colorbar(image, ax=list(panels), shrink=0.6, label="share of the true class's pixels")
        footnote(
            figure,
            f"{done[0][0].cell.dataset}, split {done[0][0].cell.split}; rows: truth, columns: prediction."
            + of_all(len(done), len(scored)),
        )
    return figure


def shares(confusion: Sequence[Sequence[int]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Rows divided by their sums; NaN, drawn blank, for a class that is absent from the ground truth."""
    counts = np.array(confusion, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(1, keepdims=True), np.float64).reshape(len(counts), -1)
