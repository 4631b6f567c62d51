"""All figures that records give: for each table its Pareto plot, for each group of comparable records the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from reports.build import ReportError
from reports.figures import classes, confusion, memory, pareto, sizes, training
from reports.figures.style import write
from reports.frame import newest, records_frame
from reports.groups import groups
from reports.table import Table
from results.record import Record

_SWEEP = ["hardware", "profile_hash", "precision", "compiled", "threads", "evaluated_scale"]


def write_figures(records: Sequence[Record], tables: Sequence[Table], out: Path) -> list[Path]:
    """Write every figure that there are records for under ``out``, and return the paths.

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
    swept = newest(frame)
    for number, (_, rows) in enumerate(swept[swept["kind"] == "cost"].groupby(_SWEEP, dropna=False), start=1):
        yield from _drawn(f"sizes-{number}", sizes.draw(rows))


def _drawn(name: str, figure: Figure | None) -> Iterator[tuple[str, Figure]]:
    if figure is not None:
        yield name, figure
