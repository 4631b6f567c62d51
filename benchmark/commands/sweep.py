"""``isdbench sweep SYSTEM,...``: cost of larger and larger images until the memory is full, and how it grows."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_cost_options, add_json_option, names, positive
from benchmark.commands.requests import cost_options, measured, print_json, store_of

if TYPE_CHECKING:
    from results.analysis.sweep import Growth, Point
    from results.record import Record

SIDES = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384)
FEWEST_PIXELS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The systems, the sizes and the protocol."""
    parser.add_argument("systems", type=names, metavar="SYSTEM,...", help="see 'isdbench systems'")
    parser.add_argument(
        "--sides", type=sides, default=SIDES, metavar="LIST", help="of square images (512,768,...,16384)"
    )
    add_cost_options(parser)
    add_json_option(parser, "the records")


def sides(text: str) -> tuple[int, ...]:
    """The sides of a comma-separated list, smallest first."""
    chosen = sorted({positive(part) for part in text.split(",")})
    if chosen[0] < FEWEST_PIXELS:
        raise argparse.ArgumentTypeError(f"'{text}': each side must be {FEWEST_PIXELS} pixels or more")
    return tuple(chosen)


def main(args: argparse.Namespace) -> int:
    """Measure size after size, in rounds over all systems that still fit; print how the cost of each one grows."""
    from results.analysis.sweep import points

    for name in args.systems:
        registry.card(name)
    records: dict[str, list[Record]] = {name: [] for name in args.systems}
    fitting = list(args.systems)
    for side in args.sides:
        made = _measured(args, fitting, side) if fitting else []
        for record in made:
            records[record.cell.system].append(record)
        fitting = [record.cell.system for record in made if record.status == "ok"]
    every = [record for made in records.values() for record in made]
    if args.json:
        print_json(every)
    else:
        for name in args.systems:
            _print(name, points(records[name]))
    return 1 if any(record.status == "failed" for record in every) else 0


def _measured(args: argparse.Namespace, systems: list[str], side: int) -> list[Record]:
    from benchmark.commands.progress import Display
    from benchmark.run.plan import jobs

    options = cost_options(args, (side, side))
    planned = [job for name in systems for job in jobs(registry.card(name), "", options)]
    with Display(sys.stderr) as display:
        return measured(planned, store_of(args), display)


def _print(name: str, sweep: list[Point]) -> None:
    from tabulate import tabulate

    from results.analysis.sweep import growth, largest_that_fits

    rows = [
        (f"{point.height}x{point.width}", point.status, _text(point.latency_ms), _text(point.memory_mib))
        for point in sweep
    ]
    print(f"{name}\n{tabulate(rows, ('image', 'status', 'latency (ms)', 'memory (MiB)'), disable_numparse=True)}")
    for figure in ("latency_ms", "memory_mib"):
        print(f"{figure} grows as pixels ** {_exponent(growth(sweep, figure))}")
    fits, fails = largest_that_fits(sweep)
    largest = f"{fits.height}x{fits.width}" if fits else "none of these"
    print(
        f"largest that fits: {largest}"
        + (f"; {fails.height}x{fails.width} does not\n" if fails else ", no limit met\n")
    )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _exponent(found: Growth | None) -> str:
    return (
        "?: fewer than three sizes"
        if found is None
        else f"{found.exponent:.2f} (R2 {found.r_squared:.3f}, n = {found.n})"
    )
