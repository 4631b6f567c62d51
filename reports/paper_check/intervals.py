"""Arithmetic on values that are known within bounds: a printed value was rounded, ours has an interval."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from results.paper import Printed
from results.paper.claims import CellName, Check, Operand, Operation


@dataclass(frozen=True)
class Bounded:
    """A value and the bounds of what it can be."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, printed: Printed) -> Bounded:
        """What a printed value can have been before it was rounded."""
        return cls(printed.value, printed.value - printed.half_unit, printed.value + printed.half_unit)

    def overlaps(self, other: Bounded) -> bool:
        """Whether both can be the same."""
        return self.low <= other.high and other.low <= self.high


Values = Mapping[CellName, Bounded]  # of the cells of a claim, the paper's or ours
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "": max,  # of the only one
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "median": statistics.median,
    "iou": lambda f1: 100 * f1[0] / (200 - f1[0]),  # F1 / (2 - F1), exact for one class
}


@dataclass(frozen=True)
class Comparison:
    """A check on values within their bounds."""

    check: Check
    left: Bounded
    right: Bounded
    certain: bool  # true everywhere within the bounds; for == that both can be equal, for != that they cannot
    possible: bool  # true somewhere within the bounds


def evaluate(operand: Operand, values: Values) -> Bounded:
    """The value of an operand."""
    parts = [values[item] if isinstance(item, CellName) else Bounded.of(item) for item in operand.items]
    columns = zip(*((part.value, part.low, part.high) for part in parts), strict=True)
    return Bounded(*(operand.factor * float(_STATISTICS[operand.statistic](column)) for column in columns))


def combine(operation: Operation, parts: Sequence[Bounded]) -> Bounded:
    """A sum of all parts, or the difference or ratio of two; those of a ratio are positive.

    The bounds are the extremes that the parts allow when each of them varies on its own.
    """
    first, last = parts[0], parts[-1]
    if operation == "ratio":
        return Bounded(first.value / last.value, first.low / last.high, first.high / last.low)
    if operation == "difference":
        return Bounded(first.value - last.value, first.low - last.high, first.high - last.low)
    columns = zip(*((part.value, part.low, part.high) for part in parts), strict=True)
    return Bounded(*map(sum, columns))


def compare(check: Check, values: Values) -> Comparison:
    """Whether a check is true within the bounds of its sides."""
    left, right = evaluate(check.left, values), evaluate(check.right, values)
    if check.sign == "==":
        return Comparison(check, left, right, left.overlaps(right), left.overlaps(right))
    if check.sign == "!=":
        return Comparison(check, left, right, not left.overlaps(right), not left.overlaps(right))
    small, large = (right, left) if check.sign.startswith(">") else (left, right)
    if check.sign.endswith("="):
        return Comparison(check, left, right, small.high <= large.low, small.low <= large.high)
    return Comparison(check, left, right, small.high < large.low, small.low < large.high)
