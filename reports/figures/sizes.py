"""Cost against image size: one line for each system, a cross at the first size that did not fit."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.style import MOST, footnote, look, of_all, plain_numbers, styled
from reports.measures import PROBES
from reports.table import plain

_MEGA = 1e6


def draw(frame: pd.DataFrame) -> Figure | None:
    """Latency and memory over megapixels of comparable cost records; None where no system has two sizes."""
    rows = frame[(frame["kind"] == "cost") & frame["status"].isin(["ok", "oom"])]
    rows = rows.assign(megapixels=rows["height"] * rows["width"] / _MEGA).sort_values("megapixels")
    sizes = rows[rows["status"] == "ok"].groupby("system")["megapixels"].nunique()
    swept = sorted(sizes[sizes > 1].index)
    systems = swept[:MOST]
    if not systems:
        return None
    probe = next(probe for probe in PROBES if rows[probe].notna().any())
    with styled():
        figure = Figure(figsize=(9.0, 3.8), layout="constrained")
        panels = figure.subplots(1, 2)
        for panel, column, unit in zip(panels, ("latency_ms", probe), ("ms", "MB"), strict=True):
            _panel(panel, rows, systems, column, unit)
        panels[0].legend(fontsize=6)
        footnote(
            figure,
            f"{', '.join(sorted(set(rows['hardware'])))}; cross: the first size that ran out of memory."
            + of_all(len(systems), len(swept)),
        )
    return figure


def _panel(panel: Axes, rows: pd.DataFrame, systems: list[str], column: str, unit: str) -> None:
    for index, system in enumerate(systems):
        colour, marker = look(index)
        own = rows[rows["system"] == system]
        done = own[own["status"] == "ok"]
        panel.plot(done["megapixels"], done[column], color=colour, marker=marker, markersize=4, label=plain(system))
        failed = own[own["status"] == "oom"]
        if not failed.empty:
            panel.plot(failed["megapixels"].iloc[0], done[column].iloc[-1], color=colour, marker="x", markersize=8)
    panel.set_xscale("log")
    panel.set_yscale("log")
    plain_numbers(panel.xaxis)
    plain_numbers(panel.yaxis)
    panel.set_xlabel("image (megapixels)")
    panel.set_ylabel(f"{column} ({unit})" if unit not in column else column)
