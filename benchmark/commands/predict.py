"""``isdbench predict SYSTEM --weights FILE IMAGE... --out DIR``: label maps in the dataset's palette, and overlays."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_device_option
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.data.base import Image

OPACITY = 0.5  # of the labels over the image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, the images."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="an RGB image of any size")
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights trained by isdbench or converted"
    )
    parser.add_argument("--dataset", help="for classes and palette (the dataset trained on)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="reduce the image to this scale first; the official code uses 0.8 (1)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for NAME_labels.png and NAME_overlay.png"
    )
    add_device_option(parser)


def main(args: argparse.Namespace) -> int:
    """Write two pictures for each image and print their paths."""
    from benchmark.commands.progress import bar
    from benchmark.data.reading import read_rgb
    from benchmark.machine.device import resolve, torch_device
    from benchmark.prediction import predicted
    from benchmark.weights.files import load_weights, trained_on, trained_ratio

    info = registry.dataset(args.dataset or trained_on(args.weights)).info
    system = registry.build(registry.card(args.system).at(trained_ratio(args.weights)), len(info.classes))
    load_weights(args.weights, system)
    device = torch_device(resolve(args.device))
    system = system.inference_form().to(device).eval()
    names = _names(args.images)
    with bar(sys.stderr, "images") as advance:
        for done, (path, name) in enumerate(zip(args.images, names, strict=True), 1):
            image = read_rgb(path)
            labels = info.colourise(predicted(system, image, device=device, scale=args.scale))
            for picture, kind in ((labels, "labels"), (_overlay(image, labels), "overlay")):
                print(_write(args.out / f"{name}_{kind}.png", picture))
            advance(done, len(names))
    return 0


def _names(paths: list[Path]) -> list[str]:
    """The file stems, which name the output and must differ."""
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UserError(
            f"two images are named '{twice}'; their results would overwrite each other: predict them one by one"
        )
    return stems


def _overlay(image: Image, labels: Image) -> Image:
    import cv2
    import numpy as np

    return np.asarray(cv2.addWeighted(labels, OPACITY, image, 1 - OPACITY, 0), np.uint8)


def _write(path: Path, picture: Image) -> Path:
    from PIL import Image as Pillow

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(picture).save(path)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be written: {error.strerror}; choose another folder") from error
    return path
