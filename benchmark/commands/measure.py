"""``isdbench measure SYSTEM --size 2448x2448``: cost of one system at one size."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_device_option, size
from benchmark.profiles import PROFILES, profile

if TYPE_CHECKING:
    from benchmark.plan import Job
    from results.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system and the protocol."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("--size", type=size, default=(2448, 2448), metavar="HxW", help="of the image (2448x2448)")
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    parser.add_argument("--compile", action="store_true", help="torch.compile the system first")
    parser.add_argument("--profile", default="smoke", help=f"how many samples: {', '.join(PROFILES)} (smoke)")
    parser.add_argument("--dataset", default="deepglobe", help="whose classes the net has (deepglobe)")
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="for everything made (out)")
    add_device_option(parser)


def main(args: argparse.Namespace) -> int:
    """Measure, store the record, print the figures."""
    from benchmark.commands.progress import Display
    from benchmark.runner import run_jobs
    from results.store import Store

    job = _job(args)
    with Display(sys.stderr) as display:
        display.plan([job])
        [(_, record, known)] = run_jobs([job], Store(args.records or args.out / "records"), display.progress)
        display.finished(job, record, known)
    _print(record)
    return 1 if record.status == "failed" else 0


def _job(args: argparse.Namespace) -> Job:
    from benchmark.device import cpu_threads, resolve
    from benchmark.environment import cpu_model
    from benchmark.plan import Request, jobs

    device = resolve(args.device)
    request = Request(
        profile=profile(args.profile),
        info=registry.dataset(args.dataset).info,
        size=args.size,
        kinds=("cost",),
        device=device,
        hardware=cpu_model() if device == "cpu" else device,
        threads=cpu_threads() if device == "cpu" else None,
        precision=args.precision,
        compiled=args.compile,
        out=args.out,
        command=shlex.join(["isdbench", *sys.argv[1:]]),
    )
    return jobs(registry.card(args.system), args.dataset, request)[0]


def _print(record: Record) -> None:
    cost = record.cost
    if cost is None:
        return
    from tabulate import tabulate

    rows = [
        ("parameters (inference form)", f"{cost.parameters:,}"),
        ("parameters (training form)", f"{cost.trained_parameters:,}"),
    ]
    rows.append(("FLOPs of predict (G)", f"{cost.flops / 1e9:.1f}" if cost.flops else f"- ({cost.flops_reason})"))
    for taken in cost.samples:
        spread = (
            f"{taken.median_ms:.1f} [{taken.median_low_ms:.1f}, {taken.median_high_ms:.1f}], p90 {taken.p90_ms:.1f}"
        )
        steady = "" if taken.steady else ", not steady"
        rows.append((f"{taken.region} latency (ms)", f"{spread}, n = {len(taken.latencies_ms)}{steady}"))
    for name in type(cost.memory).model_fields:
        probe = getattr(cost.memory, name)
        rows.append((name, f"{probe.mib:.0f} MiB" if probe.mib is not None else f"- ({probe.reason})"))
    print(tabulate(rows, tablefmt="plain"))
