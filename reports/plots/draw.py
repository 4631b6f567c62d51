"""All figures from records: a Pareto plot for each table, the others for each group of comparable records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.plots import classes, confusion, memory, pareto, sizes, speed, training
from reports.plots.style import write
from reports.tables.build import ReportError
from reports.tables.caption import is_untrained
from reports.tables.frame import records_frame, sweeps
from reports.tables.groups import Group, groups, numbered
from reports.tables.table import Table
from results.record import Record


def write_figures(records: Sequence[Record], tables: Sequence[Table], out: Path) -> list[Path]:
    """Write every figure that the records allow under ``out``, and return the paths.

    Raises:
        ReportError: ``out`` cannot be written.
    """
    try:
        return [path for name, figure in figures(records, tables) for path in write(figure, out, name)]
    except OSError as error:
        raise ReportError(f"--out {out}: cannot write: {error.strerror}; choose another folder with --out") from error


def figures(records: Sequence[Record], tables: Sequence[Table]) -> Iterator[tuple[str, Figure]]:
    """Each figure with the stem of its files."""
    for table in tables:
        yield from _drawn(f"pareto-{table.name}", pareto.draw(table))
        yield from _drawn(f"speed-{table.name}", speed.draw(table))
    frame = records_frame(records)
    yield from _of_groups(records, groups(frame))
    yield from _of_sweeps(records, sweeps(frame))


def _of_groups(records: Sequence[Record], found: Sequence[Group]) -> Iterator[tuple[str, Figure]]:
    """Memory of each group, and what its accuracies say, best system first; nothing about nets hardly trained."""
    by_key = {(record.key, record.provenance.created): record for record in records}
    slugs = numbered(group.slug for group in found) if len(found) > 1 else [group.paper_dataset for group in found]
    for group, slug in zip(found, slugs, strict=True):
        yield from _drawn(f"memory-{slug}", memory.draw(group))
        if is_untrained(group):
            continue
        rows = group.accuracy[group.accuracy["status"] == "ok"].sort_values("miou_paper", ascending=False)
        scored = [by_key[key, created] for key, created in zip(rows["key"], rows["created"], strict=True)]
        yield from _drawn(f"classes-{slug}", classes.draw(scored))
        yield from _drawn(f"confusion-{slug}", confusion.draw(scored))
        yield from _drawn(f"training-{slug}", training.draw(scored))


def _of_sweeps(records: Sequence[Record], found: Sequence[pd.DataFrame]) -> Iterator[tuple[str, Figure]]:
    by_key = {(record.key, record.provenance.created): record for record in records}
    for number, rows in enumerate(found, start=1):
        yield from _drawn(f"sizes-{number}", sizes.draw(rows))
        for system, own in rows.groupby("system"):
            chosen = [by_key[key, created] for key, created in zip(own["key"], own["created"], strict=True)]
            yield from _drawn(f"sizes-{number}-{_slug(str(system))}", sizes.draw_one(str(system), chosen))


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]


def _drawn(name: str, figure: Figure | None) -> Iterator[tuple[str, Figure]]:
    if figure is not None:
        yield name, figure
