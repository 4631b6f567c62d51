"""``isdbench evaluate SYSTEM --weights FILE --dataset NAME --root DIR``: score given weights, or an exported file.

With ``--image`` and ``--truth`` instead of ``--root``: on one image of any size, in windows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import (
    add_dataset_options,
    add_device_option,
    add_precision_option,
    open_dataset,
    positive_number,
    share,
)
from benchmark.errors import DataError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmark.accuracy.metrics import Counts, Metrics
    from benchmark.card import Card
    from benchmark.data.raster import Source
    from benchmark.large.predict import Settings
    from benchmark.system import System


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, what to score it on."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights trained by isdbench or converted")
    parser.add_argument(
        "--exported", type=Path, metavar="FILE", help="instead of --weights: an .onnx file of 'isdbench export'"
    )
    parser.add_argument("--split", help="split to score (the first evaluation split that has images)")
    parser.add_argument(
        "--scale", type=share, default=1.0, help="reduce the image to this scale first; the official code uses 0.8 (1)"
    )
    parser.add_argument("--image", type=Path, metavar="FILE", help="score one image of any size, see --truth")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="its labels: one band of class indices, 255 = none")
    parser.add_argument(
        "--memory-budget",
        type=positive_number,
        metavar="GIB",
        help="of host memory, with --image (half of what is free)",
    )
    parser.add_argument("--json", action="store_true", help="all scores as JSON")
    add_dataset_options(parser, default=None)
    add_precision_option(parser)
    add_device_option(parser)


def main(args: argparse.Namespace) -> int:
    """Print the scores, in percent."""
    from benchmark.accuracy.evaluate import evaluate
    from benchmark.commands.progress import bar
    from benchmark.export.exported import described, exported_system
    from benchmark.machine.allocator import freed_memory_kept
    from benchmark.machine.device import resolve, torch_device
    from benchmark.weights.files import load_weights, trained_on, trained_ratio

    if (args.weights is None) == (args.exported is None):
        raise UserError("give --weights FILE or --exported FILE, one of them")
    if args.exported:
        _require_plain(args)
    if (args.image is None) != (args.truth is None):
        raise UserError("--image and --truth go together: an image and its labels")
    if args.image and (args.root or args.split):
        raise UserError("--image is scored instead of a dataset's split; leave --root and --split out")
    card = registry.card(args.system)
    if args.image:
        return _evaluate_image(args, card)
    device = "cpu" if args.exported else torch_device(resolve(args.device, args.precision))
    words = described(args.exported) if args.exported else {}
    dataset = open_dataset(args.dataset or words.get("dataset") or trained_on(args.weights), args.root)
    splits = (args.split,) if args.split else dataset.info.evaluation_splits
    ids = next((ids for ids in map(dataset.ids, splits) if ids), ())
    if not ids:
        raise DataError(f"--root {args.root}: no image of split '{splits[0]}' found; choose another with --split")
    if args.exported:
        system = exported_system(card, args.exported, words, len(dataset.info.classes))
    else:
        system = registry.build(card.at(trained_ratio(args.weights)), len(dataset.info.classes))
        load_weights(args.weights, system)
        system = system.inference_form()
    with freed_memory_kept(), bar(sys.stderr, "images") as advance, tempfile.TemporaryDirectory() as folder:
        outcome = evaluate(
            system,
            dataset,
            ids,
            Path(folder) / "scored.jsonl",
            device=device,
            precision=args.precision,
            scale=args.scale,
            progress=advance,
        )
    confusion, images = outcome.confusion, list(outcome.images)
    _print(outcome.metrics, {"boundary_iou": outcome.boundary_iou}, confusion, images, as_json=args.json)
    return 0


def _require_plain(args: argparse.Namespace) -> None:
    """Refuse what an exported file has no part in.

    Raises:
        UserError: an option is about torch, or the file holds one patch pass.
    """
    from benchmark.export.part import require_one_call

    require_one_call(registry.card(args.system))
    asked = {"--image": args.image, "--scale": args.scale != 1, "--precision": args.precision != "fp32"}
    asked["--device"] = args.device == "cuda"
    for option in (name for name, given in asked.items() if given):
        raise UserError(f"--exported: leave {option} out; the file takes whole images on the CPU as it is")


def _evaluate_image(args: argparse.Namespace, card: Card) -> int:
    """Score one image and its labels, both read from top to bottom."""
    from benchmark.accuracy.metrics import metrics
    from benchmark.data.raster import open_image, open_labels
    from benchmark.large.predict import Settings
    from benchmark.machine.device import resolve, torch_device
    from benchmark.weights.files import load_weights, trained_on, trained_ratio

    info = registry.dataset(args.dataset or trained_on(args.weights)).info
    budget_mib = args.memory_budget * 1024 if args.memory_budget else None
    device = torch_device(resolve(args.device, args.precision))
    settings = Settings(device=device, scale=args.scale, budget_mib=budget_mib, precision=args.precision)
    with open_image(args.image) as image, open_labels(args.truth) as truth:
        if image.size != truth.size:
            sizes = (f"{height}x{width}" for height, width in (truth.size, image.size))
            raise DataError("{}: {} pixels, the image has {}".format(args.truth, *sizes))
        system = registry.build(card.at(trained_ratio(args.weights)), len(info.classes))
        load_weights(args.weights, system)
        counts = _counts(system.inference_form().to(settings.device).eval(), image, truth, settings)
    _print(metrics(info, counts), {}, counts.tolist(), [str(args.image)], as_json=args.json)
    return 0


def _counts(system: System, image: Source, truth: Source, settings: Settings) -> Counts:
    """The confusion matrix of an image.

    Raises:
        DataError: the labels hold a value that is no class.
    """
    import numpy as np

    from benchmark.accuracy.metrics import confusion
    from benchmark.commands.progress import bar
    from benchmark.large.predict import procedure, slabs_of

    counts = np.zeros((system.num_classes, system.num_classes), np.int64)
    done = 0
    with bar(sys.stderr, image.path.name) as advance:
        for slab in slabs_of(procedure(system, image, settings), image, system):
            rows = truth.rows(slab.top, len(slab.labels), slab.columns)[..., 0]
            try:
                counts += confusion(rows, slab.labels, system.num_classes)
            except ValueError as error:
                raise DataError(f"{truth.path}: {error}") from error
            done += slab.labels.size
            advance(done, image.size[0] * image.size[1])
    return counts


def _print(
    scores: Metrics,
    more: Mapping[str, float | None],
    confusion: Sequence[Sequence[int]],
    images: Sequence[str],
    *,
    as_json: bool,
) -> None:
    figures = {
        "miou_paper": scores.miou_paper,
        "miou_dataset": scores.miou_dataset,
        **scores.conventions,
        **more,
        **scores.iou,
    }
    if as_json:
        print(json.dumps({**figures, "confusion": confusion, "images": images}, indent=2))
        return
    from tabulate import tabulate

    rows = [(name, "absent" if value is None else f"{value:.2f}") for name, value in figures.items()]
    print(tabulate([*rows, ("images", len(images))], ("score", "percent"), disable_numparse=True))
