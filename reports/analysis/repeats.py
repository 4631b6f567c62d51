"""What repeated accuracies say: how far a result moves when another machine trains the same cell."""

from __future__ import annotations

from collections.abc import Iterable

from reports.tables.training import UNTRAINED
from results.analysis.repeat import POINTS, Repetition, repetitions
from results.record import Record


def moved(records: Iterable[Record]) -> list[tuple[Repetition, float]]:
    """The repetitions of trainings on other hardware, with the points of miou_paper between the two, largest first."""
    elsewhere = [one for one in repetitions(records) if one.first.cell.hardware != one.again.cell.hardware]
    found = [(one, points) for one in elsewhere if (points := _points(one)) is not None]
    return sorted(found, key=lambda pair: -pair[1])


def held(found: Iterable[tuple[Repetition, float]]) -> int:
    """How many of them are within ``POINTS``."""
    return sum(points <= POINTS for _, points in found)


def _points(one: Repetition) -> float | None:
    """Between the two accuracies; None for other kinds, and for nets that were hardly trained."""
    first, again = one.first.accuracy, one.again.accuracy
    if first is None or again is None or (first.iterations or 0) < UNTRAINED:
        return None
    if first.miou_paper is None or again.miou_paper is None:
        return None
    return abs(again.miou_paper - first.miou_paper)
