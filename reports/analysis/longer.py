"""What more training iterations do: accuracies of cells that differ in the number of iterations alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.tables.training import UNTRAINED
from results.record import Record


@dataclass(frozen=True)
class Longer:
    """One system's accuracy after its shortest and its longest training on a dataset, everything else equal."""

    system: str
    dataset: str
    iterations: tuple[int, int]
    miou_paper: tuple[float, float]
    other_machine: bool


def longer(records: Iterable[Record]) -> list[Longer]:
    """Each system that was trained for different numbers of iterations, by dataset; the newest record of a cell."""
    places: dict[tuple[str, ...], dict[int, Record]] = {}
    for record in sorted(records, key=lambda one: one.provenance.created):
        done = record.accuracy
        if done and done.miou_paper is not None and (done.iterations or 0) >= UNTRAINED:
            places.setdefault(_place(record), {})[done.iterations or 0] = record
    found = []
    for by_iterations in places.values():
        few, many = min(by_iterations), max(by_iterations)
        first, last = by_iterations[few], by_iterations[many]
        if few < many and first.accuracy and last.accuracy:
            values = (first.accuracy.miou_paper or 0.0, last.accuracy.miou_paper or 0.0)
            moved = first.cell.hardware != last.cell.hardware
            found.append(Longer(first.cell.system, first.cell.dataset, (few, many), values, moved))
    return sorted(found, key=lambda one: (one.dataset, one.system))


def _place(record: Record) -> tuple[str, ...]:
    cell = record.cell
    rest = " ".join(word for word in cell.overrides if not word.startswith("--iterations"))
    names = (cell.system, cell.dataset, cell.split_hash, cell.profile, cell.device, rest)
    return (*names, str(cell.seed), str(cell.image_ratio), str(cell.protocol.metric_version))
