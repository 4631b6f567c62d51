"""Confusion matrices: the share of each true class's pixels (row) that was predicted as each class (column)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.plots.style import footnote, heading, of_all, styled
from results.record import Record

_ACROSS, _MOST = 4, 16
_NAMED = 8  # classes whose names fit beside a matrix


def draw(records: Sequence[Record]) -> Figure | None:
    """A matrix for each finished accuracy record, at most sixteen, all in one picture; None without any."""
    scored = [(record, record.accuracy) for record in records if record.accuracy is not None]
    done = scored[:_MOST]
    if not done:
        return None
    matrices = [shares(accuracy.confusion) for _, accuracy in done]
    across, rows = min(_ACROSS, len(done)), math.ceil(len(done) / _ACROSS)
    with styled():
        figure = Figure(figsize=(1.9 * across + 1.6, 2.0 * rows + 0.9), layout="constrained")
        panel = figure.subplots()
        image = panel.imshow(mosaic(matrices, across), cmap="cividis", vmin=0, vmax=1)
        step = max(map(len, matrices)) + 2
        for index, (record, _) in enumerate(done):
            place = (index % across * step - 0.5, index // across * step + 0.2)
            panel.text(*place, record.cell.system, fontsize=7, va="bottom")
        _name(panel, [name.removeprefix("iou_") for name in done[0][1].iou], step, rows, across)
        figure.colorbar(image, ax=panel, shrink=0.6, label="share of the true class's pixels")
        heading(figure, "What the pixels of each class were predicted as")
        cell = done[0][0].cell
        note = f"{cell.dataset}, split {cell.split}; rows: truth, columns: prediction."
        footnote(figure, note + of_all(len(done), len(scored)))
    return figure


def mosaic(matrices: Sequence[NDArray[np.float64]], across: int) -> NDArray[np.float64]:
    """The matrices beside and below each other, a row and a column of NaN between them, two rows for a name above."""
    side = max(map(len, matrices))
    step, rows = side + 2, math.ceil(len(matrices) / across)
    whole = np.full((rows * step, across * step), np.nan)
    for index, matrix in enumerate(matrices):
        top, left = index // across * step + 1, index % across * step
        whole[top : top + len(matrix), left : left + matrix.shape[1]] = matrix
    return whole


def shares(confusion: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Rows divided by their sums; NaN, drawn blank, for a class that is absent from the ground truth."""
    counts = np.array(confusion, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(1, keepdims=True), np.float64).reshape(len(counts), -1)


def _name(panel: Axes, classes: Sequence[str], step: int, rows: int, across: int) -> None:
    """The names of the classes at the left and below, where they are few enough to be read."""
    named = classes if len(classes) <= _NAMED else []
    panel.set_yticks([row * step + 1 + place for row in range(rows) for place in range(len(named))], [*named] * rows)
    below = [column * step + place for column in range(across) for place in range(len(named))]
    panel.set_xticks(below, [*named] * across, rotation=90)
    panel.tick_params(length=0, labelsize=5)
    panel.spines[:].set_visible(False)
