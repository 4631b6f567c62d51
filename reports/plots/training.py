"""Training curves: the sum of losses over the iterations, a row for each system."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.plots.style import MOST, footnote, heading, of_all, styled
from reports.theme import OURS
from results.record import Record

_WIDTH, _HIGH = 100.0, 0.8  # of a row's curve: percent of the iterations, share of the row


def draw(records: Sequence[Record]) -> Figure | None:
    """A row with its own scale for each finished accuracy record with a loss curve; None without any."""
    kept = [(record, record.accuracy) for record in records if record.accuracy and record.accuracy.loss_curve]
    done = kept[:MOST]
    if not done:
        return None
    with styled():
        figure = Figure(figsize=(7.6, 1.0 + 0.34 * len(done)), layout="constrained")
        panel = figure.subplots()
        for place, (_, accuracy) in enumerate(done):
            _row(panel, place, accuracy.loss_curve)
        names = [f"{record.cell.system}, seed {record.cell.seed} ({one.iterations})" for record, one in done]
        panel.set_yticks(np.arange(len(done)) + _HIGH / 2, names)
        panel.set_ylim(len(done), -0.2)
        panel.set_xlim(0, _WIDTH)
        panel.set_xlabel("iterations done (%)")
        panel.tick_params(axis="y", length=0)
        heading(figure, "Sum of losses while training (iterations in brackets)")
        note = "Each row has its own logarithmic scale; right: first and last value, range. Losses of systems differ."
        footnote(figure, note + of_all(len(done), len(kept)))
    return figure


def _row(panel: Axes, place: int, curve: Sequence[float]) -> None:
    """One curve between its own smallest and largest value, and these in figures."""
    values = np.log(np.maximum(np.array(curve, np.float64), 1e-12))
    low, span = values.min(), np.ptp(values) or 1.0
    across = (np.arange(len(values)) + 0.5) / len(values) * _WIDTH
    panel.axhline(place + _HIGH, color="#D0D7DE", linewidth=0.6)
    panel.plot(across, place + _HIGH - (values - low) / span * _HIGH, color=OURS, linewidth=0.9)
    text = f"{curve[0]:.3g} to {curve[-1]:.3g}  [{min(curve):.3g}, {max(curve):.3g}]"
    panel.annotate(
        text, (1.0, place + _HIGH / 2), (4, 0), ("axes fraction", "data"), "offset points", fontsize=6, va="center"
    )
