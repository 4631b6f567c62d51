"""``isdbench export SYSTEM --weights FILE OUT``: a trained system as an ONNX or a torch.export file."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import open_dataset
from benchmark.errors import DataError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from benchmark.data.base import DatasetInfo

ABOUT = """The file maps an image [1, 3, height, width], float32 RGB from 0 to 1, of any size to the classes' indices,
uint8 [1, height, width]. Of a sliding-window system ('unet-local') it holds ONE PATCH PASS: a patch to its logits,
[1, classes, height, width]; the caller cuts the patches and takes the mean of their logits, and the file's metadata
say so. Systems with a procedure of their own (GLNet, FCtL, MagNet, refiners) are refused.
Before the file is put in its place, its labels are compared with torch's on images of two other sizes.
With --int8 weights and maps are integers of 8 bits, scaled by what training images show: faster, but some labels
differ. 'isdbench evaluate SYSTEM --exported OUT.onnx' scores the file."""
CALIBRATION = 16  # training images, spread over the split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, the file."""
    parser.description = f"{parser.description}\n\n{ABOUT}"
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file to write: .onnx (extra 'onnx') or .pt2")
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights trained by isdbench or converted"
    )
    parser.add_argument("--int8", action="store_true", help="an .onnx file in 8 bits, calibrated on images of --root")
    parser.add_argument("--dataset", help="for the classes, and to calibrate on (the dataset trained on)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of the dataset, for --int8")


def main(args: argparse.Namespace) -> int:
    """Write the file and say how many of its labels are torch's.

    Raises:
        UserError: the system, the weights or the file's name is not usable, or the labels differ.
    """
    card = registry.card(args.system)
    from benchmark.export.export import export
    from benchmark.export.formats import require_format
    from benchmark.export.part import require_exportable, require_one_call
    from benchmark.weights.files import load_weights, trained_on, trained_ratio

    if args.int8:
        require_one_call(card)  # patches would need scales of their own
    elif args.root:
        raise UserError(f"--root {args.root}: only --int8 reads images; add it or leave --root out")
    require_exportable(card)
    require_format(args.out)
    info = registry.dataset(args.dataset or trained_on(args.weights)).info
    calibration = _calibration(args, info.name) if args.int8 else None
    system = registry.build(card.at(trained_ratio(args.weights)), len(info.classes))
    load_weights(args.weights, system)
    metadata = _metadata(card.name, info, args.weights)
    for one in export(system.inference_form().eval(), args.out, metadata, calibration):
        classes = f"{one.classes} class{'es' * (one.classes != 1)}"
        print(f"{one.size[0]}x{one.size[1]}: {100 * one.share:.3f} % of the labels are torch's ({classes})")
    print(args.out)
    return 0


def _calibration(args: argparse.Namespace, dataset_name: str) -> Iterator[Tensor]:
    """Training images one after the other, as systems take them.

    Raises:
        UserError: the file is no ONNX file, or there is no training image.
    """
    import numpy as np

    from benchmark.prediction import to_batch

    if args.out.suffix != ".onnx":
        raise UserError(f"{args.out}: --int8 writes an .onnx file; name one that ends so")
    dataset = open_dataset(args.dataset or dataset_name, args.root)
    ids = dataset.ids("train")
    if not ids:
        raise DataError(f"--root {args.root}: no image of split 'train' found to calibrate on")
    count = min(CALIBRATION, len(ids))
    chosen = [ids[index * len(ids) // count] for index in range(count)]
    return (to_batch(np.require(dataset.read(one)[0], np.uint8, ["C", "W"]), "cpu") for one in chosen)


def _metadata(name: str, info: DatasetInfo, weights: Path) -> dict[str, str]:
    from benchmark.weights.files import file_hash

    return {
        "isdbench_version": version("isdbench"),
        "system": name,
        "dataset": info.name,
        "classes": json.dumps(info.classes),
        "weights_sha256": file_hash(weights),
    }
