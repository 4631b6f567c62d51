"""Peak memory: for each system, a dot for each probe that has a value, on one logarithmic axis."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.plots.style import MOST, footnote, heading, look, of_all, plain_numbers, styled
from reports.tables.columns import memory_probe
from reports.tables.frame import MEMORY_PROBES
from reports.tables.groups import Group

_HOST = ("host_peak_over_idle_mib", "weights_mib", "host_peak_with_weights_mib")


def draw(group: Group) -> Figure | None:
    """Dots in MiB of a group's cost records, by the probe of the tables in falling order; None without any value.

    The number beside a row is the value in the tables.
    """
    measured = group.cost[group.cost["status"] == "ok"]
    probes = [probe for probe in _probes(group) if measured[probe].notna().any()]
    if not probes:
        return None
    main = memory_probe(group.cost)
    main = main if main in probes else probes[0]
    rows = measured.sort_values([main, "system"], ascending=False).iloc[:MOST]
    with styled():
        figure = Figure(figsize=(7.0, 1.2 + 0.22 * len(rows)), layout="constrained")
        panel = figure.subplots()
        _dots(panel, rows, probes, main)
        heading(figure, f"Peak memory of one predict call, {'x'.join(map(str, group.image_size))}")
        note = f"{group.hardware}, profile {group.profile}; ordered by {main}."
        footnote(figure, note + of_all(len(rows), len(measured)))
    return figure


def _probes(group: Group) -> list[str]:
    """The probes of the device that the group ran on: a GPU's do not mix with the host's."""
    of_host = group.cost["device"].iloc[0:1].tolist() == ["cpu"]
    return [probe for probe in MEMORY_PROBES if (probe in _HOST) == of_host]


def _dots(panel: Axes, rows: pd.DataFrame, probes: list[str], main: str) -> None:
    places = range(len(rows))
    values = rows[probes].where(rows[probes] > 0)
    panel.hlines(places, values.min(axis=1), values.max(axis=1), color="#D0D7DE", linewidth=1.2, zorder=1)
    for index, probe in enumerate([main, *(probe for probe in probes if probe != main)]):
        colour, marker = look(index)
        panel.scatter(rows[probe], places, s=26 if index == 0 else 14, c=colour, marker=marker, label=probe, zorder=2)
    for place, value in zip(places, rows[main], strict=True):
        if value > 0:  # not NaN
            panel.annotate(f"{value:.0f}", (value, place), (0, 4), textcoords="offset points", ha="center", fontsize=6)
    panel.set_yticks(places, list(rows["system"]))
    panel.invert_yaxis()
    panel.set_xscale("log")
    plain_numbers(panel.xaxis)
    panel.set_xlabel("MiB, logarithmic")
    panel.legend(fontsize=6, loc="lower right")  # free: the largest are at the top
