"""All figures from records: a Pareto plot for each table, the others for each group of comparable records."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
MOST_PROCESSES = 8


def write_figures(records: Sequence[Record], tables: Sequence[Table], out: Path, processes: int = 1) -> list[Path]:
    """Write every figure that the records allow under ``out``, and return the paths.

    Args:
        records: the sources of the figures.
        tables: made of them.
        out: the folder.
        processes: that share the work, on Linux; elsewhere there is one.

    Raises:
        ReportError: ``out`` cannot be written.
    """
    found, write_one = list(figures(records, tables)), partial(_write, out)
    processes = min(processes, len(found), MOST_PROCESSES)
    if processes > 1 and sys.platform == "linux":  # a process that is not forked imports for longer than it draws
        with contextlib.suppress(OSError, BrokenProcessPool), _pool(processes) as pool:  # no memory for another process
            return [path for paths in pool.map(write_one, found) for path in paths]
    return [path for paths in map(write_one, found) for path in paths]


def _pool(processes: int) -> ProcessPoolExecutor:
    """Processes that leave an interruption to the one that started them."""
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    return ProcessPoolExecutor(processes, get_context("fork"), initializer=ignore)


def _write(out: Path, figure: tuple[str, Draw]) -> list[Path]:
    name, draw = figure
    drawn = draw()
    try:
        return write(drawn, out, name) if drawn else []
    except OSError as error:
        raise ReportError(f"--out {out}: cannot write: {error.strerror}; choose another folder with --out") from error


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
        systems = [(str(system), own) for system, own in rows.groupby("system")]
        slugs = numbered(_slug(system) for system, _ in systems)
        for slug, (system, own) in zip(slugs, systems, strict=True):
            chosen = [by_key[key, created] for key, created in zip(own["key"], own["created"], strict=True)]
            yield f"sizes-{number}-{slug}", partial(sizes.draw_one, system, chosen)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
