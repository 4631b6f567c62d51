"""Arithmetic on figures that are known only within bounds: a printed figure has been rounded, ours has an interval."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from results.paper import Printed


@dataclass(frozen=True)
class Bounded:
    """A figure and the bounds of what it can be. Bounds of a sum or quotient are those of its parts, taken apart."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, printed: Printed) -> Bounded:
        """What a printed figure can have been before it was rounded."""
        return cls(printed.value, printed.value - printed.half_unit, printed.value + printed.half_unit)

    @classmethod
    def exact(cls, value: float) -> Bounded:
        """A figure without any doubt."""
        return cls(value, value, value)

    def overlaps(self, other: Bounded) -> bool:
        """Whether both can be the same."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Comparison:
    """A comparison of two figures, at their values and within their bounds."""

    text: str
    left: Bounded
    right: Bounded
    true: bool  # at the values
    certain: bool  # wherever in the bounds the figures lie; for == that they can be equal
    possible: bool  # somewhere in the bounds


Figures = Mapping[str, Bounded | Sequence[Bounded]]


def evaluate(expression: str, figures: Figures) -> Bounded:
    """The value of an expression: names, numbers, + - * /, abs, and min, max, mean, median of a list.

    Raises:
        ValueError: it holds something else.
    """
    return _value(ast.parse(expression, mode="eval").body, figures)


def compare(check: str, figures: Figures) -> Comparison:
    """Two expressions with one of ``< <= > >= ==`` between them.

    Raises:
        ValueError: it is no such comparison.
    """
    tree = ast.parse(check, mode="eval").body
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise ValueError(f"'{check}' is not one comparison")
    left, right = _value(tree.left, figures), _value(tree.comparators[0], figures)
    kind = type(tree.ops[0])
    if kind is ast.Eq:
        same = left.overlaps(right)
        return Comparison(check, left, right, left.value == right.value, same, same)
    if kind in (ast.Gt, ast.GtE):
        return Comparison(check, left, right, *_below(right, left, strict=kind is ast.Gt))
    if kind in (ast.Lt, ast.LtE):
        return Comparison(check, left, right, *_below(left, right, strict=kind is ast.Lt))
    raise ValueError(f"'{check}': compare with < <= > >= or ==")


def _below(small: Bounded, large: Bounded, *, strict: bool) -> tuple[bool, bool, bool]:
    pairs = ((small.value, large.value), (small.high, large.low), (small.low, large.high))
    true, certain, possible = (a < b if strict else a <= b for a, b in pairs)
    return true, certain, possible


def _value(node: ast.expr, figures: Figures) -> Bounded:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Bounded.exact(node.value)
    if isinstance(node, ast.Name):
        found = figures.get(node.id)
        if isinstance(found, Bounded):
            return found
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, figures), _value(node.right, figures))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return _call(node.func.id, node.args[0], figures)
    raise ValueError(f"'{ast.unparse(node)}' is no arithmetic on {', '.join(figures)}")


def _call(name: str, argument: ast.expr, figures: Figures) -> Bounded:
    if name == "abs":
        return _absolute(_value(argument, figures))
    several = figures.get(argument.id) if isinstance(argument, ast.Name) else None
    if name not in _AGGREGATES or several is None or isinstance(several, Bounded):
        raise ValueError(f"'{name}({ast.unparse(argument)})': use {', '.join(_AGGREGATES)} of a list, or abs")
    columns = zip(*((part.value, part.low, part.high) for part in several), strict=True)
    return Bounded(*(float(_AGGREGATES[name](column)) for column in columns))


def _absolute(part: Bounded) -> Bounded:
    ends = sorted((abs(part.low), abs(part.high)))
    return Bounded(abs(part.value), 0.0 if part.low <= 0 <= part.high else ends[0], ends[1])


def _corners(operation: Callable[[float, float], float]) -> Callable[[Bounded, Bounded], Bounded]:
    """An operation on bounds: its least and greatest result lie at ends of the bounds, unless it divides by zero."""

    def apply(left: Bounded, right: Bounded) -> Bounded:
        ends = [operation(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
        return Bounded(operation(left.value, right.value), min(ends), max(ends))

    return apply


_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "median": statistics.median,
}
_OPERATIONS: Mapping[type[ast.operator], Callable[[Bounded, Bounded], Bounded]] = {
    ast.Add: _corners(lambda a, b: a + b),
    ast.Sub: _corners(lambda a, b: a - b),
    ast.Mult: _corners(lambda a, b: a * b),
    ast.Div: _corners(lambda a, b: a / b),
}
