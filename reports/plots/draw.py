"""All figures from records: a Pareto plot for each table, the others for each group of comparable records."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
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

Draw = Callable[[], Figure | None]


def write_figures(records: Sequence[Record], tables: Sequence[Table], out: Path, processes: int = 1) -> list[Path]:
    """Write every figure that the records allow under ``out``, and return the paths.

    Args:
        records: the sources of the figures.
        tables: made of them.
        out: the folder.
        processes: that share the work; 1 where processes cannot be forked.

    Raises:
        ReportError: ``out`` cannot be written.
    """
    found, draw = list(figures(records, tables)), partial(_write, out)
    try:
        if processes == 1 or sys.platform != "linux":  # a new process would import for longer than it draws
            return [path for paths in map(draw, found) for path in paths]
        with ProcessPoolExecutor(processes, get_context("fork")) as pool:
            return [path for paths in pool.map(draw, found) for path in paths]
    except OSError as error:
        raise ReportError(f"--out {out}: cannot write: {error.strerror}; choose another folder with --out") from error


def _write(out: Path, figure: tuple[str, Draw]) -> list[Path]:
    name, draw = figure
    drawn = draw()
    return write(drawn, out, name) if drawn else []


def figures(records: Sequence[Record], tables: Sequence[Table]) -> Iterator[tuple[str, Draw]]:
    """The stem of each figure's files and the call that draws it, or gives None where it would show nothing."""
    for table in tables:
        yield f"pareto-{table.name}", partial(pareto.draw, table)
        yield f"speed-{table.name}", partial(speed.draw, table)
    frame = records_frame(records)
    yield from _of_groups(records, groups(frame))
    yield from _of_sweeps(records, sweeps(frame))


def _of_groups(records: Sequence[Record], found: Sequence[Group]) -> Iterator[tuple[str, Draw]]:
    """Memory of each group, and what its accuracies say, best system first; nothing about nets hardly trained."""
    by_key = {(record.key, record.provenance.created): record for record in records}
    slugs = numbered(group.slug for group in found) if len(found) > 1 else [group.paper_dataset for group in found]
    for group, slug in zip(found, slugs, strict=True):
        yield f"memory-{slug}", partial(memory.draw, group)
        if is_untrained(group):
            continue
        rows = group.accuracy[group.accuracy["status"] == "ok"].sort_values("miou_paper", ascending=False)
        scored = [by_key[key, created] for key, created in zip(rows["key"], rows["created"], strict=True)]
        yield f"classes-{slug}", partial(classes.draw, scored)
        yield f"confusion-{slug}", partial(confusion.draw, scored)
        yield f"training-{slug}", partial(training.draw, scored)


def _of_sweeps(records: Sequence[Record], found: Sequence[pd.DataFrame]) -> Iterator[tuple[str, Draw]]:
    by_key = {(record.key, record.provenance.created): record for record in records}
    for number, rows in enumerate(found, start=1):
        yield f"sizes-{number}", partial(sizes.draw, rows)
        for system, own in rows.groupby("system"):
            chosen = [by_key[key, created] for key, created in zip(own["key"], own["created"], strict=True)]
            yield f"sizes-{number}-{_slug(str(system))}", partial(sizes.draw_one, str(system), chosen)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
