"""``isdbench predict SYSTEM --weights FILE IMAGE... --out DIR``: label maps in the dataset's palette, and overlays."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import add_device_option, share
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.data.base import Image

OPACITY = 0.5  # of the labels over the image
MADE_BY = "isdbench predict"  # in the files, so that no other file is overwritten


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, the images."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="an RGB image of any size")
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights trained by isdbench or converted"
    )
    parser.add_argument("--dataset", help="for classes and palette (the dataset trained on)")
    parser.add_argument(
        "--scale", type=share, default=1.0, help="reduce the image to this scale first; the official code uses 0.8 (1)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for NAME_labels.png and NAME_overlay.png"
    )
    add_device_option(parser)


def main(args: argparse.Namespace) -> int:
    """Write two pictures for each image and print their paths. What can be refused is refused before the net is built.

    Raises:
        UserError: an image, the weights or the output folder is not usable, or memory runs out.
    """
    from benchmark.commands.progress import bar
    from benchmark.data.reading import header_size, read_rgb
    from benchmark.machine.device import resolve, torch_device
    from benchmark.prediction import predicted
    from benchmark.weights.files import load_weights, trained_on, trained_ratio

    card, info = registry.card(args.system), registry.dataset(args.dataset or trained_on(args.weights)).info
    device = torch_device(resolve(args.device))
    files = _files(args.images, args.out)
    sizes = {path: header_size(path) for path in files}
    system = registry.build(card.at(trained_ratio(args.weights)), len(info.classes))
    load_weights(args.weights, system)
    system = system.inference_form().to(device).eval()
    with bar(sys.stderr, "images") as advance:
        for done, (path, (labels_file, overlay_file)) in enumerate(files.items(), 1):
            with memory_named(f"{path}: {'x'.join(map(str, sizes[path]))} pixels", card.name):
                image = read_rgb(path)
                labels = info.colourise(predicted(system, image, device=device, scale=args.scale))
                print(_write(labels_file, labels))
                print(_write(overlay_file, _overlay(image, labels)))
            advance(done, len(files))
    return 0


def _files(images: list[Path], out: Path) -> dict[Path, tuple[Path, Path]]:
    """For each image the two files to write, named after its stem. Results of earlier runs may be written again.

    Raises:
        UserError: two images have one stem, or a file that this command did not write would be lost.
    """
    stems = [path.stem for path in images]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UserError(
            f"two images are named '{twice}'; their results would overwrite each other: predict them one by one"
        )
    files = {path: (out / f"{path.stem}_labels.png", out / f"{path.stem}_overlay.png") for path in images}
    for file in (file for pair in files.values() for file in pair):
        if file.exists() and not _is_ours(file):
            raise UserError(f"--out {out}: {file.name} exists and was not written by 'predict'; choose another folder")
    return files


def _is_ours(file: Path) -> bool:
    from PIL import Image as Pillow

    try:
        with Pillow.open(file) as picture:
            return bool(picture.info.get("Software") == MADE_BY)
    except OSError:
        return False


@contextlib.contextmanager
def memory_named(image: str, system: str) -> Iterator[None]:
    """Turn a lack of memory into one line that names the image and the way out."""
    from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory

    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        way_out = "use --device cpu, a system that works on patches, or a smaller --scale"
        raise ResourceExhaustedError(f"{image}: memory is too small for '{system}'; {way_out}") from error


def _overlay(image: Image, labels: Image) -> Image:
    import cv2
    import numpy as np

    return np.asarray(cv2.addWeighted(labels, OPACITY, image, 1 - OPACITY, 0), np.uint8)


def _write(path: Path, picture: Image) -> Path:
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    made_by = PngInfo()
    made_by.add_text("Software", MADE_BY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(picture).save(path, pnginfo=made_by)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be written: {error.strerror}; choose another folder") from error
    return path
