"""Training curves: the sum of losses over the share of iterations done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.plots.style import MOST, footnote, look, of_all, plain_numbers, styled
from results.record import Record


def draw(records: Sequence[Record]) -> Figure | None:
    """A line for each finished accuracy record with a loss curve; None without any."""
    kept = [(record, record.accuracy) for record in records if record.accuracy and record.accuracy.loss_curve]
    done = kept[:MOST]
    if not done:
        return None
    with styled():
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        panel = figure.subplots()
        for index, (record, accuracy) in enumerate(done):
            colour, marker = look(index)
            curve = accuracy.loss_curve
            share = (np.arange(len(curve)) + 0.5) / len(curve) * 100
            label = f"{record.cell.system} ({accuracy.iterations} iterations, seed {record.cell.seed})"
            every = max(1, len(curve) // 8)
            panel.plot(
                share, curve, color=colour, marker=marker, markevery=every, markersize=3, linewidth=0.9, label=label
            )
        panel.set_yscale("log")
        plain_numbers(panel.yaxis)
        panel.set_xlabel("iterations done (%)")
        panel.set_ylabel("sum of the system's losses")
        panel.legend(fontsize=5, loc="center left", bbox_to_anchor=(1.0, 0.5))
        footnote(
            figure,
            "Losses of different systems have different terms: compare a line only with itself."
            + of_all(len(done), len(kept)),
        )
    return figure
