"""A comparison of two sets of records as GitHub-flavoured Markdown, for a terminal, a file or a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from reports.tables.table import plain, significant
from reports.writers.markdown import escape
from results.analysis.changes import Change
from results.analysis.compare import CellChange, Comparison

SIGNS = {"pass": "pass", "regression": "**REGRESSION**", "improvement": "improvement", "inconclusive": "inconclusive"}
_HEADS = ("System", "Measure", "Base", "Head", "Change", "95 % interval", "Margin", "Based on", "Verdict")
_RULE = (
    "A change is a regression if its entire interval is worse than the margin: the tolerance or the noise floor, "
    "whichever is larger. Changes are in percent of the base, those of mIoU in points."
)


def render(comparison: Comparison) -> str:
    """The verdict, a row for every measure of every cell, and what could not be compared."""
    rows = [_row(cell, change) for cell in comparison.cells for change in cell.changes]
    body = tabulate(rows, headers=_HEADS, tablefmt="pipe", disable_numparse=True) if rows else ""
    parts = [f"**Comparison of base and head: {comparison.verdict}**", body, "\n".join(_notes(comparison))]
    return "\n\n".join(part for part in [*parts, _RULE] if part) + "\n"


def _row(cell: CellChange, change: Change) -> list[str]:
    unit = " points" if change.quantity == "accuracy" else " %"
    interval = "no interval" if change.quantity != "status" else ""
    if change.low is not None and change.high is not None:
        interval = f"[{change.low:+.2f}, {change.high:+.2f}]"
    return [
        escape(plain(f"{cell.system} {cell.size}")),
        escape(change.measure),
        _number(change.base),
        _number(change.head),
        "" if change.change is None else f"{change.change:+.2f}{unit}",
        interval,
        f"{change.margin:.1f}" if change.quantity not in ("exact", "status") else "",
        escape(change.basis),
        SIGNS[change.verdict],
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 10_000 else significant(value, 4)


def _notes(comparison: Comparison) -> Iterator[str]:
    for cell in comparison.cells:
        for note in cell.notes:
            yield f"- {escape(plain(f'{cell.system} ({cell.kind}): {note}'))}"
    for name in comparison.missing:
        yield f"- {escape(plain(name))}: in base only, so not compared"
    for name in comparison.added:
        yield f"- {escape(plain(name))}: in head only"
