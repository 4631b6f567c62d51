"""``isdbench sweep SYSTEM...``: cost of larger and larger images until the memory is full, and how it grows."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_device_option, add_protocol_options, positive, protocol_fields
from benchmark.run.profiles import PROFILES, profile

if TYPE_CHECKING:
    from benchmark.run.plan import Request
    from results.analysis.sweep import Growth, Point
    from results.record import Record
    from results.store import Store

SIDES = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384)
FEWEST_PIXELS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The systems, the sizes and the protocol."""
    parser.add_argument("systems", nargs="+", metavar="SYSTEM", help="see 'isdbench systems'")
    parser.add_argument(
        "--sides", type=sides, default=SIDES, metavar="LIST", help="of square images (512,768,...,16384)"
    )
    parser.add_argument("--profile", default="smoke", help=f"how many samples: {', '.join(PROFILES)} (smoke)")
    parser.add_argument("--dataset", default="deepglobe", help="whose classes the nets have (deepglobe)")
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="for everything made (out)")
    add_device_option(parser)
    add_protocol_options(parser)


def sides(text: str) -> tuple[int, ...]:
    """The sides of a comma-separated list, smallest first."""
    chosen = sorted({positive(part) for part in text.split(",")})
    if chosen[0] < FEWEST_PIXELS:
        raise argparse.ArgumentTypeError(f"'{text}': each side must be {FEWEST_PIXELS} pixels or more")
    return tuple(chosen)


def main(args: argparse.Namespace) -> int:
    """Measure size after size, all systems that still fit in rounds; print what became of each system."""
    from benchmark.machine.device import resolve
    from results.analysis.sweep import points
    from results.store import Store

    names = list(dict.fromkeys(args.systems))
    for name in names:
        registry.card(name)
    device, store = resolve(args.device), Store(args.records or args.out / "records")
    records: dict[str, list[Record]] = {name: [] for name in names}
    alive = names
    for side in args.sides:
        made = list(_measured(alive, _request(args, device, side), store)) if alive else []
        for record in made:
            records[record.cell.system].append(record)
        alive = [record.cell.system for record in made if record.status == "ok"]
    for name in names:
        _print(name, points(records[name]))
    every = [record for made in records.values() for record in made]
    return 1 if any(record.status == "failed" for record in every) else 0


def _measured(names: list[str], request: Request, store: Store) -> Iterator[Record]:
    from benchmark.commands.progress import Display
    from benchmark.run.plan import jobs
    from benchmark.run.pool import run_jobs

    planned = [job for name in names for job in jobs(registry.card(name), "", request)]
    with Display(sys.stderr) as display:
        display.plan(planned)
        for job, record, known in run_jobs(planned, store, display.progress):
            display.finished(job, record, known)
            yield record


def _request(args: argparse.Namespace, device: str, side: int) -> Request:
    from benchmark.machine.environment import cpu_model
    from benchmark.run.plan import Request

    return Request(
        profile=profile(args.profile),
        info=registry.dataset(args.dataset).info,
        size=(side, side),
        kinds=("cost",),
        device=device,
        hardware=cpu_model() if device == "cpu" else device,
        out=args.out,
        command=shlex.join(["isdbench", *sys.argv[1:]]),
        **protocol_fields(args, device),
    )


def _print(name: str, sweep: list[Point]) -> None:
    from tabulate import tabulate

    from results.analysis.sweep import growth, largest_that_fits

    rows = [
        (f"{point.height}x{point.width}", point.status, _text(point.latency_ms), _text(point.memory_mb))
        for point in sweep
    ]
    print(f"{name}\n{tabulate(rows, ('image', 'status', 'latency (ms)', 'memory (MiB)'), disable_numparse=True)}")
    for figure in ("latency_ms", "memory_mb"):
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
