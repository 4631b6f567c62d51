"""Speed of a table's systems: the printed FPS and ours on one logarithmic axis, ours in falling order."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.plots.style import footnote, heading, plain_numbers, styled
from reports.tables.table import Table
from reports.theme import FRONT, OURS

FEWEST = 3  # rows with both values; fewer make no picture


def draw(table: Table) -> Figure | None:
    """A line for each system that has a printed FPS and one of ours; None where fewer than three have.

    Both values of a system are joined: a long line is a system whose rank depends on who measures.
    """
    found = sorted(speeds(table), key=lambda one: one[2])
    if len(found) < FEWEST:
        return None
    names, printed, ours = zip(*found, strict=True)
    places = range(len(found))
    with styled():
        figure = Figure(figsize=(7.0, 1.0 + 0.26 * len(found)), layout="constrained")
        panel = figure.subplots()
        panel.hlines(places, printed, ours, color="#BBBBBB", linewidth=1.2, zorder=1)
        panel.scatter(printed, places, s=28, facecolors="white", edgecolors=FRONT, label="printed", zorder=2)
        panel.scatter(ours, places, s=28, color=OURS, label="ours", zorder=2)
        panel.set_yticks(places, names)
        panel.set_xscale("log")
        plain_numbers(panel.xaxis)
        panel.set_xlabel("FPS (1/s), logarithmic")
        panel.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        heading(figure, table.title)
        footnote(figure, "\n".join(table.caption))
    return figure


def speeds(table: Table) -> list[tuple[str, float, float]]:
    """Label, printed FPS and our FPS of each row that has both; quoted values are left out."""
    found = []
    for row in table.rows:
        cells = {column.name: cell for column, cell in zip(table.columns, row.cells, strict=True)}
        printed, ours = cells.get("fps_printed"), cells.get("fps_ours")
        if printed and ours and printed.value and ours.value and printed.status == "printed":
            found.append((row.system or row.row, printed.value, ours.value))
    return found
