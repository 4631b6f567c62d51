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
from reports.tables.frame import newest, records_frame
from reports.tables.groups import groups
from reports.tables.table import Table
from results.record import Record

_SWEEP = ["dataset", "hardware", "profile_hash", "setting_hash"]  # what the points of one curve have in common


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
    by_key = {(record.key, record.provenance.created): record for record in records}
    found = groups(frame)
    for group in found:
        slug = group.slug if len(found) > 1 else group.paper_dataset
        rows = group.accuracy[group.accuracy["status"] == "ok"] if not group.accuracy.empty else group.accuracy
        scored = [by_key[key, created] for key, created in zip(rows["key"], rows["created"], strict=True)]
        yield from _drawn(f"memory-{slug}", memory.draw(group))
        yield from _drawn(f"classes-{slug}", classes.draw(scored))
        yield from _drawn(f"confusion-{slug}", confusion.draw(scored))
        yield from _drawn(f"training-{slug}", training.draw(scored))
    for number, (_, rows) in enumerate(_at_true_size(newest(frame)).groupby(_SWEEP), start=1):
        yield from _drawn(f"sizes-{number}", sizes.draw(rows))
        for system, own in rows.groupby("system"):
            chosen = [by_key[key, created] for key, created in zip(own["key"], own["created"], strict=True)]
            yield from _drawn(f"sizes-{number}-{_slug(str(system))}", sizes.draw_one(str(system), chosen))


def _at_true_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Costs with patches and crops of the paper's size in pixels; a table's cells on small images scale them."""
    true = (frame["paper_dataset"] == "") | (frame["paper_dataset"] == frame["dataset"])
    costs: pd.DataFrame = frame[(frame["kind"] == "cost") & true]
    return costs


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]


def _drawn(name: str, figure: Figure | None) -> Iterator[tuple[str, Figure]]:
    if figure is not None:
        yield name, figure
