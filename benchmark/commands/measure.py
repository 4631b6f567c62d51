"""``isdbench measure SYSTEM --size 2448x2448``: cost of one system at one size."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_cost_options, add_json_option, size
from benchmark.commands.requests import cost_options, measured, print_json, store_of
from benchmark.errors import UserError
from benchmark.machine.device import resolve

if TYPE_CHECKING:
    from benchmark.card import Card
    from benchmark.run.job import Job
    from results.record import LatencySamples, Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, the size and the protocol."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("--size", type=size, default=(2448, 2448), metavar="HxW", help="of the image (2448x2448)")
    parser.add_argument(
        "--engine",
        choices=("torch", "onnx", "openvino", "onnx-int8", "openvino-int8"),
        default="torch",
        help="what answers the timed calls: torch, or ONNX Runtime or OpenVINO on the CPU with the exported file "
        "(extras 'onnx' and 'openvino'), also in 8 bits",
    )
    add_cost_options(parser)
    add_json_option(parser, "the record")


def main(args: argparse.Namespace) -> int:
    """Measure, store the record, print the values. 1 if the measurement failed."""
    from benchmark.commands.progress import Display

    job = job_of(args)
    with Display(sys.stderr) as display:
        [record] = measured([job], store_of(args), display)
    if args.json:
        print_json([record])
    else:
        _print(record)
    return 1 if record.status == "failed" else 0


def job_of(args: argparse.Namespace) -> Job:
    """The job of parsed arguments."""
    from benchmark.run.plan import jobs

    card = registry.card(args.system)
    if args.engine != "torch":
        _require_engine(args, card)
    return jobs(card, args.dataset, cost_options(args, args.size))[0]


def _require_engine(args: argparse.Namespace, card: Card) -> None:
    """Refuse what another engine than torch does not measure, before anything is built.

    Raises:
        UserError: a library is missing, the system is no single call, or an option is about torch.
    """
    from benchmark.export.formats import require_extra
    from benchmark.export.part import require_one_call
    from results.cell import ENGINES

    asked = [name for name in ("compile", "channels_last", "optimized", "smallest_budget") if getattr(args, name)]
    asked += ["precision"] * (args.precision != "fp32")
    option = f"--engine {args.engine}"
    if asked:
        raise UserError(f"{option}: leave --{asked[0].replace('_', '-')} out; it is about torch")
    if resolve(args.device) != "cpu":
        raise UserError(f"{option}: {ENGINES[args.engine]} is timed on the CPU; add --device cpu")
    require_extra(option, args.engine.removesuffix("-int8"))
    require_one_call(card)


def _print(record: Record) -> None:
    cost = record.cost
    if cost is None:
        return
    from tabulate import tabulate

    memory = dict(cost.memory) | {"smallest_budget_mib": cost.smallest_budget_mib}
    rows = [
        ("parameters (inference form)", f"{cost.parameters:,}"),
        ("parameters (training form)", f"{cost.trained_parameters:,}"),
        ("FLOPs of predict (G)", _figure(cost.flops, 1e9, cost.flops_reason)),
        ("bytes moved by predict (GB)", _figure(cost.bytes_moved, 1e9, cost.bytes_reason)),
        *((f"{samples.region} latency (ms)", _latency(samples)) for samples in cost.samples),
        *((f"{region} latency (ms)", f"- ({reason})") for region, reason in cost.regions_absent.items()),
        ("FLOP/s of predict, of what the roofline allows (%)", _figure(cost.roofline_fraction, 0.01, "not counted")),
        *(
            (
                name.removesuffix("_mib"),
                f"{reading.mib:.0f} MiB" if reading.mib is not None else f"- ({reading.reason})",
            )
            for name, reading in memory.items()
        ),
    ]
    print(tabulate(rows, tablefmt="plain"))


def _figure(value: float | None, unit: float, reason: str) -> str:
    return f"- ({reason})" if value is None else f"{value / unit:.1f}"


def _latency(taken: LatencySamples) -> str:
    spread = f"{taken.median_ms:.1f} [{taken.median_low_ms:.1f}, {taken.median_high_ms:.1f}], p90 {taken.p90_ms:.1f}"
    steady = "" if taken.steady else ", not steady"
    throttled = f", {len(taken.throttled)} throttled" if taken.throttled else ""
    return f"{spread}, n = {len(taken.latencies_ms)}{steady}{throttled}"
