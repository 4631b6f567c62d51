"""Peak memory by probe: for each system, a bar for each probe that has a value."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from reports.plots.style import COLOURS, HATCHES, MOST, footnote, of_all, styled
from reports.tables.frame import MEMORY_PROBES
from reports.tables.groups import Group


def draw(group: Group) -> Figure | None:
    """Horizontal bars in MiB of a group's cost records; None where no probe has a value."""
    measured = group.cost[group.cost["status"] == "ok"]
    rows = measured.iloc[:MOST]
    probes = [probe for probe in MEMORY_PROBES if rows[probe].notna().any()]
    if rows.empty or not probes:
        return None
    systems = list(rows["system"])
    height = 0.8 / len(probes)
    with styled():
        figure = Figure(figsize=(6.5, 1.2 + 0.12 * len(systems) * (1 + len(probes))), layout="constrained")
        panel = figure.subplots()
        for index, probe in enumerate(probes):
            places = [place + (index - (len(probes) - 1) / 2) * height for place in range(len(systems))]
            look: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "hatch": HATCHES[index % len(HATCHES)]}
            panel.barh(places, rows[probe].fillna(0.0), height, label=probe, edgecolor="white", linewidth=0.3, **look)
        panel.set_yticks(range(len(systems)), systems)
        panel.invert_yaxis()
        panel.set_xlabel("MiB")
        panel.set_title(f"Peak memory of one predict call, {'x'.join(map(str, group.image_size))}")
        panel.legend(fontsize=6)
        blank = [probe for probe in MEMORY_PROBES if probe not in probes]
        footnote(
            figure,
            f"{group.hardware}, profile {group.profile}."
            + (f" No value by: {', '.join(blank)}." if blank else "")
            + of_all(len(rows), len(measured)),
        )
    return figure
