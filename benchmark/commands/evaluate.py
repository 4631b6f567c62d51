"""``isdbench evaluate SYSTEM --weights FILE --dataset NAME --root DIR``: score given weights."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_dataset_options, add_device_option, open_dataset, share
from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.accuracy.evaluate import EvaluationOutcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, what to score it on."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights trained by isdbench or converted"
    )
    parser.add_argument("--split", help="split to score (the first evaluation split that has images)")
    parser.add_argument(
        "--scale", type=share, default=1.0, help="reduce the image to this scale first; the official code uses 0.8 (1)"
    )
    parser.add_argument("--json", action="store_true", help="all scores as JSON")
    add_dataset_options(parser, default=None)
    add_device_option(parser)


def main(args: argparse.Namespace) -> int:
    """Print the scores, in percent."""
    from benchmark.accuracy.evaluate import evaluate
    from benchmark.commands.progress import bar
    from benchmark.machine.device import resolve, torch_device
    from benchmark.weights.files import load_weights, trained_ratio

    card = registry.card(args.system)
    dataset = open_dataset(args.dataset, args.root)
    splits = (args.split,) if args.split else dataset.info.evaluation_splits
    ids = next((ids for ids in map(dataset.ids, splits) if ids), ())
    if not ids:
        raise DataError(f"--root {args.root}: no image of split '{splits[0]}' found; choose another with --split")
    system = registry.build(card.at(trained_ratio(args.weights)), len(dataset.info.classes))
    load_weights(args.weights, system)
    device = torch_device(resolve(args.device))
    with bar(sys.stderr, "images") as advance, tempfile.TemporaryDirectory() as folder:
        outcome = evaluate(
            system.inference_form(),
            dataset,
            ids,
            Path(folder) / "scored.jsonl",
            device=device,
            scale=args.scale,
            progress=advance,
        )
    _print(outcome, args.json)
    return 0


def _print(outcome: EvaluationOutcome, as_json: bool) -> None:
    scores = outcome.metrics
    figures = {
        "miou_paper": scores.miou_paper,
        "miou_dataset": scores.miou_dataset,
        **scores.conventions,
        "boundary_iou": outcome.boundary_iou,
        **scores.iou,
    }
    if as_json:
        print(json.dumps({**figures, "confusion": outcome.confusion, "images": outcome.images}, indent=2))
        return
    from tabulate import tabulate

    rows = [(name, "absent" if value is None else f"{value:.2f}") for name, value in figures.items()]
    print(tabulate([*rows, ("images", len(outcome.images))], ("score", "percent"), disable_numparse=True))
