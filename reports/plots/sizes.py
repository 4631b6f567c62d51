"""Cost against image size: all systems in one figure, and one figure for each with its growth and largest size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from reports.plots.style import footnote, heading, look, of_all, plain_numbers, styled
from reports.tables.columns import PROBES
from reports.tables.table import plain
from results.analysis.sweep import Point, growth, largest_that_fits, points
from results.record import Record

_MEGA = 1e6
_MOST = 16  # lines with a name at their end; more names would cover each other


def draw(frame: pd.DataFrame) -> Figure | None:
    """Latency and memory over megapixels of comparable cost records; None where no system has two sizes."""
    rows = frame[(frame["kind"] == "cost") & frame["status"].isin(["ok", "oom"])]
    rows = rows.assign(megapixels=rows["height"] * rows["width"] / _MEGA).sort_values("megapixels")
    sizes = rows[rows["status"] == "ok"].groupby("system")["megapixels"].nunique()
    swept = sorted(sizes[sizes > 1].index)
    systems = swept[:_MOST]
    if not systems:
        return None
    probe = next(probe for probe in PROBES if rows[probe].notna().any())
    with styled():
        figure = Figure(figsize=(10.0, 4.6), layout=ConstrainedLayoutEngine(wspace=0.15, rect=(0, 0, 0.94, 1)))
        panels = figure.subplots(1, 2)
        for panel, column, unit in zip(panels, ("latency_ms", probe), ("ms", "MiB"), strict=True):
            _panel(panel, rows, systems, column, unit)
        footnote(
            figure,
            f"{', '.join(sorted(set(rows['hardware'])))}; cross: the first size that ran out of memory."
            + of_all(len(systems), len(swept)),
        )
    return figure


def draw_one(system: str, records: Sequence[Record]) -> Figure | None:
    """One system's comparable cost records with a fitted power law; None where fewer than two sizes ran."""
    sweep = points(records)
    if sum(point.status == "ok" for point in sweep) < 2:
        return None
    with styled():
        figure = Figure(figsize=(7.0, 3.4), layout="constrained")
        for panel, name, unit in zip(
            figure.subplots(1, 2), ("latency_ms", "memory_mib"), ("latency (ms)", "memory (MiB)"), strict=True
        ):
            _fitted(panel, sweep, name, unit)
        heading(figure, plain(system))
        footnote(figure, f"{records[0].cell.hardware or records[0].environment.cpu_model}; {_largest(sweep)}.")
    return figure


def _fitted(panel: Axes, sweep: Sequence[Point], name: str, unit: str) -> None:
    found = [(point.pixels / _MEGA, getattr(point, name)) for point in sweep if getattr(point, name)]
    megapixels, values = np.array(found).reshape(-1, 2).T
    panel.plot(megapixels, values, "o", color=look(0)[0], markersize=4)
    line = growth(sweep, name)
    if line:
        centre = np.exp(np.log(values).mean() - line.exponent * np.log(megapixels).mean())
        panel.plot(megapixels, centre * megapixels**line.exponent, "-", color=look(1)[0], linewidth=1)
        panel.set_title(f"grows as pixels ** {line.exponent:.2f} (R2 {line.r_squared:.3f}, n = {line.n})", fontsize=7)
    _axes(panel, unit)


def _largest(sweep: Sequence[Point]) -> str:
    fits, fails = largest_that_fits(sweep)
    text = f"largest that fits: {fits.height}x{fits.width}" if fits else "none of these sizes fits"
    return text + (f"; {fails.height}x{fails.width} does not" if fails else ", no limit was reached")


def _axes(panel: Axes, unit: str) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    plain_numbers(panel.xaxis)
    plain_numbers(panel.yaxis)
    panel.set_xlabel("image (megapixels)")
    panel.set_ylabel(unit)


def _panel(panel: Axes, rows: pd.DataFrame, systems: list[str], column: str, unit: str) -> None:
    ends: dict[str, float] = {}
    for index, system in enumerate(systems):
        colour, marker = look(index)
        own = rows[rows["system"] == system]
        done = own[own["status"] == "ok"]
        panel.plot(done["megapixels"], done[column], color=colour, marker=marker, markersize=4, label=plain(system))
        ends[system] = float(done[column].iloc[-1])
        failed = own[own["status"] == "oom"]
        if not failed.empty:
            panel.plot(failed["megapixels"].iloc[0], done[column].iloc[-1], color=colour, marker="x", markersize=8)
    _axes(panel, f"{column} ({unit})" if unit not in column else column)
    _name(panel, {system: end for system, end in ends.items() if end > 0}, systems)


def _name(panel: Axes, ends: Mapping[str, float], systems: Sequence[str]) -> None:
    """The systems' names at the right, in the order in which their lines end, each joined to its end."""
    low, high = np.log(panel.get_ylim())
    right = panel.get_xlim()[1]
    order = sorted(ends, key=lambda name: ends[name])
    for system, place in zip(order, apart([(np.log(ends[name]) - low) / (high - low) for name in order]), strict=True):
        panel.annotate(
            plain(system),
            (right, ends[system]),
            (1.08, place),
            textcoords="axes fraction",
            fontsize=6,
            va="center",
            arrowprops={"arrowstyle": "-", "color": look(systems.index(system))[0], "linewidth": 0.6},
        )


def apart(ends: Sequence[float], room: float = 0.055) -> list[float]:
    """Rising places for names, near the rising ``ends`` of their lines, ``room`` apart and not above 1."""
    places: list[float] = []
    for end in ends:
        places.append(max(end, places[-1] + room) if places else end)
    limit = 1.0
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - room
    return places
