"""``isdbench figure figure5 ...``: the paper's qualitative figures and our own, from trained or given weights."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.chosen import chosen_systems
from benchmark.commands.options import names
from benchmark.commands.requests import check_table_options, measured, store_of, table_options
from benchmark.commands.run import add_run_options
from benchmark.errors import UnknownNameError, UserError
from benchmark.run.timing_variants import DEFAULT_TIMING
from results.paper import PaperTable, paper_table
from results.paper.figures import FIGURES, OWN_FIGURES, PaperFigure

if TYPE_CHECKING:
    from benchmark.run.job import Job
    from benchmark.run.options import RunOptions
    from reports.plots.qualitative import Example


KNOWN = {**FIGURES, **OWN_FIGURES}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The figure, its images and weights, and how the systems without weights are trained."""
    parser.add_argument("figure", metavar="FIGURE", help=", ".join(KNOWN))
    parser.add_argument("--images", type=names, metavar="A,B", help="ids of images (the first scored ones)")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=_weights,
        default=(),
        metavar="SYSTEM=FILE",
        help="weights to use instead of training",
    )
    add_run_options(parser)
    parser.set_defaults(
        only="accuracy",
        seed=0,
        seeds=1,
        nodes=1,
        timing=DEFAULT_TIMING,
        repeats=None,
        compile=False,
        channels_last=False,
        optimized=False,
    )


def _weights(text: str) -> tuple[str, Path]:
    system, equals, file = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}': give SYSTEM=FILE")
    return system, Path(file)


def main(args: argparse.Namespace) -> int:
    """Train the systems that have no weights, predict, write the figure. 1 if a training failed."""
    from benchmark.commands.progress import Display

    if args.figure not in KNOWN:
        raise UnknownNameError("figure", args.figure, KNOWN)
    figure = KNOWN[args.figure]
    table = paper_table(figure.table)
    args.systems = chosen_systems(args.systems, table) or figure.systems
    check_table_options(args)
    store_of(args).ensure_writable()
    with Display(sys.stderr) as display:
        options = table_options(args, table, display)
        weights = dict(args.weights)
        _check(args, options, weights)
        jobs = _jobs(args.systems, weights, table, options)
        records = measured(jobs, store_of(args), display)
    if any(record.status != "ok" for record in records):
        return 1
    weights |= {job.cell.system: job.weights for job in jobs}
    for path in _draw(args, figure, options, {name: weights[name] for name in args.systems}):
        print(path)
    return 0


def _check(args: argparse.Namespace, options: RunOptions, weights: dict[str, Path]) -> None:
    """Refuse a bad image or weights file before anything is trained."""
    from benchmark.weights.files import load_weights

    unused = next((name for name in weights if name not in args.systems), None)
    if unused is not None:
        raise UserError(f"--weights {unused}=...: the figure does not show it; it shows {', '.join(args.systems)}")
    there = registry.dataset(options.dataset.name, options.root)(options.root).available_ids()
    missing = next((image_id for image_id in args.images or () if image_id not in there), None)
    if missing is not None:
        raise UserError(f"--images {missing}: no such labelled image under {options.root}")
    for name, file in weights.items():
        load_weights(file, registry.build(registry.card(name).at(options.ratio), len(options.dataset.classes)))


def _jobs(systems: Sequence[str], given: dict[str, Path], table: PaperTable, options: RunOptions) -> list[Job]:
    from benchmark.run.plan import jobs

    return [job for name in systems if name not in given for job in jobs(registry.card(name), table.dataset, options)]


def _draw(args: argparse.Namespace, figure: PaperFigure, options: RunOptions, weights: dict[str, Path]) -> list[Path]:
    from reports.plots.qualitative import Classes, draw, write_views
    from reports.plots.style import write

    info = options.dataset
    assert options.split is not None
    ids = args.images or options.split.scored[: figure.images]
    classes = Classes(info.classes, info.palette, info.paper_classes[0] if len(info.classes) == 2 else None)
    size = "x".join(map(str, options.image_size))
    title = f"{figure.title.capitalize()} ({info.title}, {size})"
    if args.figure in FIGURES:
        number = args.figure.removeprefix("figure")
        title = f"Figure {number} of the paper: {figure.title} – ours: {info.title}, {size}"
    source = (
        f"Images {', '.join(ids)} of split {options.split.scored_name}; profile {options.profile.name}; weights: "
        f"{', '.join(file.name for file in weights.values())}."
    )
    if not info.synthetic:
        source += f" Data: {info.citation}; {info.licence}."
    examples = {image_id: _example(args, options, image_id, weights) for image_id in ids}
    try:
        for image_id, example in examples.items():
            write_views(args.out / "examples" / args.figure / image_id, example, classes)
        return write(draw(title, list(examples.values()), classes, source), args.out / "figures", args.figure)
    except OSError as error:
        raise UserError(f"--out {args.out}: cannot write: {error.strerror}; choose another folder") from error


def _example(args: argparse.Namespace, options: RunOptions, image_id: str, weights: dict[str, Path]) -> Example:
    from benchmark.data.reduced import at_ratio
    from benchmark.machine.device import resolve, torch_device
    from benchmark.prediction import predicted
    from benchmark.weights.files import load_weights
    from reports.plots.qualitative import Example

    dataset = at_ratio(registry.dataset(options.dataset.name, options.root)(options.root), options.image_ratio)
    image, truth = dataset.read(image_id)
    device = torch_device(resolve(args.device, args.precision))
    predictions = {}
    for name, file in weights.items():
        system = registry.build(registry.card(name).at(options.ratio), len(options.dataset.classes))
        load_weights(file, system)
        predictions[name] = predicted(
            system.inference_form().to(device).eval(), image, device=device, precision=options.precision
        )
    return Example(image, truth, predictions)
