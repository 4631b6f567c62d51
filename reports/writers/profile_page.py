"""A profile as one self-contained HTML page: the parts of the net as wide as their time, and the tables behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from reports.tables.table import significant
from reports.theme import css
from results.analysis.profile import Operation, Part, Path, Profile, Saving

DEPTH = 5  # levels of modules in the picture
INDENT = "\u2003"  # of a part inside another one
NARROWEST = 0.002  # share of the time below which a part is not drawn
ROW_REM = 1.7
_STYLE = f"""
.flame {{ position: relative; margin: 1rem 0; overflow: hidden; font-size: .8rem }}
.flame div {{ position: absolute; box-sizing: border-box; height: {ROW_REM - 0.1}rem; padding: .15rem .3rem;
  overflow: hidden; white-space: nowrap; text-overflow: ellipsis; border: 1px solid var(--paper);
  background: color-mix(in srgb, var(--front) calc(var(--slack) * 55%), var(--soft)) }}
"""
_HOW_TO_READ = (
    "Each bar is a module, as wide as the time of all operators inside it; below it are the modules that it calls. The "
    "darker a bar, the further it is from what the roofline allows. Operators are timed one by one, so their sum "
    "exceeds the time of an undisturbed call."
)
PARTS = ("Part", "Time (ms)", "Share (%)", "GFLOPs", "GB moved", "Roofline (%)", "Peak of live tensors (MiB)")
OPERATORS = ("Operator", "Calls", "Time (ms)", "Share (%)", "GFLOPs", "GB moved", "Roofline (%)")


def profile_page(profile: Profile) -> str:
    """The page of one profiled call."""
    title = f"Profile of {profile.system}, {profile.height}x{profile.width}"
    items = "\n".join(f"<li>{escape(line)}</li>" for line in savings_lines(profile.savings()))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{css()}{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="caption">{escape(summary(profile))}</p>
<p class="caption">{_HOW_TO_READ}</p>
{_flame(profile.parts(DEPTH))}
<h2>Largest savings</h2>
<ol>
{items}
</ol>
<h2>Parts</h2>
{_table(PARTS, part_rows(profile.parts(2)))}
<h2>Operators</h2>
{_table(OPERATORS, operator_rows(profile))}
</main>
</body>
</html>
"""


def summary(profile: Profile) -> str:
    """One sentence: the call, the machine, and what it can reach."""
    ceilings = profile.ceilings
    return (
        f"One predict call with random weights on {profile.hardware} took {significant(1000 * profile.seconds)} ms. "
        f"The machine reached {significant(ceilings.matmul_tflops)} TFLOP/s and {significant(ceilings.copy_gb_s)} GB/s."
    )


def savings_lines(savings: Iterable[Saving]) -> list[str]:
    """What each saving would be, in words."""
    return [
        f"{_name(one.path)}: {one.operator} takes {significant(1000 * one.of_seconds)} ms, "
        f"{significant(1000 * one.seconds)} ms more than the roofline allows"
        for one in savings
    ]


def part_rows(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    """The parts that take a thousandth of the time or more, with their figures."""
    whole = parts[0].seconds or 1.0
    return [
        (
            INDENT * len(part.path) + _name(part.path[-1:]),
            *_figures(part.seconds, whole, part.flops, part.bytes_moved, part.bound_seconds),
            significant(part.peak_mib),
        )
        for part in parts
        if part.seconds >= whole / 1000
    ]


def operator_rows(profile: Profile, most: int = 20) -> list[tuple[str, ...]]:
    """The slowest operators."""
    found = profile.by_operator()
    whole = sum(one.seconds for one in found) or 1.0

    def row(one: Operation) -> tuple[str, ...]:
        bound = sum(profile.bound(each) for each in profile.operations if each.operator == one.operator)
        return (one.operator, str(one.calls), *_figures(one.seconds, whole, one.flops, one.bytes_moved, bound))

    return [row(one) for one in found[:most]]


def _figures(seconds: float, whole: float, flops: int, moved: int, bound: float) -> tuple[str, ...]:
    reached = significant(100 * bound / seconds) if seconds else "–"
    values = (1000 * seconds, 100 * seconds / whole, flops / 1e9, moved / 1e9)
    return (*map(significant, values), reached)


def _name(path: Path) -> str:
    return ".".join(path) or "whole call"


def _flame(parts: Sequence[Part]) -> str:
    """Nested bars: a part begins where its parent does, after the parts before it."""
    whole = parts[0].seconds or 1.0
    start: dict[Path, float] = {(): 0.0}  # where the next part inside a part begins
    bars = []
    for part in sorted(parts, key=lambda one: len(one.path)):
        left = start[part.path[:-1]] if part.path else 0.0
        if part.path:
            start[part.path[:-1]] = left + part.seconds
        start[part.path] = left
        if part.seconds >= NARROWEST * whole:
            bars.append(_bar(part, left / whole, part.seconds / whole))
    height = ROW_REM * (1 + max(len(part.path) for part in parts))
    return f'<div class="flame" style="height: {height:.1f}rem" aria-hidden="true">\n' + "\n".join(bars) + "\n</div>"


def _bar(part: Part, left: float, share: float) -> str:
    slack = 1 - min(1.0, part.bound_seconds / part.seconds)
    name = _name(part.path[-1:])
    told = f"{_name(part.path)}: {significant(1000 * part.seconds)} ms, {100 * share:.1f} %"
    place = f"left: {100 * left:.3f}%; width: {100 * share:.3f}%; top: {ROW_REM * len(part.path):.1f}rem"
    return f'<div style="{place}; --slack: {slack:.2f}" title="{escape(told)}">{escape(name)}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    word, *numbers = heads
    top = f'<th class="word" scope="col">{word}</th>' + "".join(f'<th scope="col">{head}</th>' for head in numbers)
    body = "\n".join(map(_row, rows))
    return f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _row(row: Sequence[str]) -> str:
    name = row[0].lstrip(INDENT)
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
    left = 0.35 + 0.9 * (len(row[0]) - len(name))
    return f'<tr><th scope="row" style="padding-left: {left:.2f}rem">{escape(name)}</th>{cells}</tr>'
