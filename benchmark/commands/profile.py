"""``isdbench profile SYSTEM --size 2448x2448``: where time, FLOPs, bytes and memory of one call go."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_device_option, add_json_option, add_protocol_options, size
from benchmark.machine.device import cpu_threads, resolve

if TYPE_CHECKING:
    from results.analysis.profile import Profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, the size and the precision."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("--size", type=size, default=(1024, 1024), metavar="HxW", help="of the image (1024x1024)")
    parser.add_argument("--channels-last", action="store_true", help="memory layout of the system")
    parser.add_argument("--dataset", default="deepglobe", help="which sets the number of classes (deepglobe)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="for the page (out)")
    add_device_option(parser)
    add_protocol_options(parser)
    add_json_option(parser, "parts, operators and savings")


def main(args: argparse.Namespace) -> int:
    """Profile one call, write the page, print the parts, the operators and the largest savings."""
    from reports.writers.pages import write_page
    from reports.writers.profile_page import profile_page

    found = _profile(args)
    name = f"profile-{args.system.replace('/', '_')}-{found.height}x{found.width}.html"
    path = write_page(args.out, name, profile_page(found))
    if args.json:
        values = {
            "parts": [asdict(one) for one in found.parts(2)],
            "operators": [asdict(one) for one in found.by_operator()],
            "savings": [asdict(one) for one in found.savings()],
        }
        print(json.dumps(values, indent=1))
    else:
        _print(found)
        print(path)
    return 0


def _profile(args: argparse.Namespace) -> Profile:
    import torch

    from benchmark.cost.profiler import profiled
    from benchmark.cost.timed_system import TimedSystem
    from benchmark.machine.environment import cpu_model
    from benchmark.machine.torch_settings import measurement_mode
    from benchmark.run.cost_cell import image_of
    from results.cell import Protocol

    device = resolve(args.device, args.precision)
    switches = {name: getattr(args, name) for name in ("tf32", "cudnn_benchmark", "channels_last", "deterministic")}
    height, width = args.size
    protocol = Protocol(
        kind="cost",
        height=height,
        width=width,
        precision=args.precision,
        threads=args.threads or (cpu_threads() if device == "cpu" else None),
        timed_regions=("predict",),
        **switches,
    )
    torch.manual_seed(0)
    system = registry.build(registry.card(args.system), len(registry.dataset(args.dataset).info.classes))
    with measurement_mode(protocol, device), torch.inference_mode():
        hardware = cpu_model() if device == "cpu" else torch.cuda.get_device_name(0)
        return profiled(TimedSystem(system, image_of(protocol), protocol, device), hardware)


def _print(found: Profile) -> None:
    from tabulate import tabulate

    from reports.writers.profile_page import OPERATORS, PARTS, operator_rows, part_rows, savings_lines, summary

    print(summary(found))
    print(tabulate(part_rows(found.parts(2)), PARTS, disable_numparse=True))
    print(tabulate(operator_rows(found, 10), OPERATORS, disable_numparse=True))
    print("Largest savings:")
    for line in savings_lines(found.savings()):
        print(f"- {line}")
