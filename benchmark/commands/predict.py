"""``isdbench predict SYSTEM --weights FILE IMAGE... --out DIR``: label maps of images of any size."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import registry
from benchmark.commands.options import (
    add_device_option,
    add_precision_option,
    add_quiet_option,
    positive,
    positive_number,
    share,
)
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.data.base import DatasetInfo
    from benchmark.large.predict import Settings
    from benchmark.large.results import Results
    from benchmark.system import System

OPACITY = 0.5  # of the labels over the image
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".jp2"}  # of images, in a folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its weights, the images."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="an RGB image of any size, or a folder")
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights trained by isdbench or converted"
    )
    parser.add_argument("--dataset", help="for classes and palette (the dataset trained on)")
    parser.add_argument(
        "--scale", type=share, default=1.0, help="reduce the image to this scale first; the official code uses 0.8 (1)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for NAME_labels.png or .tif and NAME_overlay.png"
    )
    parser.add_argument(
        "--format", choices=("png", "tif"), help="of the label maps (tif for a TIFF if rasterio is installed, else png)"
    )
    parser.add_argument(
        "--blend",
        choices=("mean", "gaussian", "hann", "centre"),
        default="mean",
        help="how patches are weighed where they overlap (mean, as in the paper)",
    )
    parser.add_argument(
        "--tile", type=positive, metavar="PX", help="give a whole-image system tiles instead; this changes its labels"
    )
    parser.add_argument(
        "--tta", action="store_true", help="mean over mirror images and quarter turns, in eight times the time"
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="also NAME_probabilities.tif: a band of 0 to 255 for each class"
    )
    parser.add_argument(
        "--polygons", action="store_true", help="also NAME_labels.geojson: a polygon for each connected area"
    )
    parser.add_argument(
        "--memory-budget", type=positive_number, metavar="GIB", help="of host memory (half of what is free)"
    )
    parser.add_argument(
        "--optimized",
        action="store_true",
        help="in the fastest of several forms whose labels differ by rounding (memory layout, folded batch norms, "
        "fused ReLUs); finding it on a part of the first image takes up to a minute",
    )
    add_precision_option(parser)
    add_device_option(parser)
    add_quiet_option(parser)


def main(args: argparse.Namespace) -> int:
    """Write a label map, and an overlay unless the image is large. What can be refused is, before the net is built.

    Raises:
        UserError: an image, the weights or the output folder is not usable, or memory runs out.
    """
    from benchmark.commands.progress import bar
    from benchmark.data.raster import has_rasterio, image_size, open_image
    from benchmark.large.output import predict_file
    from benchmark.large.predict import Settings, procedure
    from benchmark.large.results import fingerprint, is_done, require_free, results_of
    from benchmark.machine.device import resolve, torch_device
    from benchmark.weights.files import file_hash, load_weights, trained_on, trained_ratio

    card, info = registry.card(args.system), registry.dataset(args.dataset or trained_on(args.weights)).info
    settings = Settings(
        device=torch_device(resolve(args.device, args.precision)),
        scale=args.scale,
        blend=args.blend,
        tile=args.tile,
        tta=args.tta,
        precision=args.precision,
        form="optimized" if args.optimized else "",
        logits=args.probabilities,
        budget_mib=args.memory_budget * 1024 if args.memory_budget else None,
    )
    if (args.polygons or args.probabilities) and not has_rasterio():
        option = "--polygons" if args.polygons else "--probabilities"
        raise UserError(f"{option} needs rasterio: pip install 'isdbench[geo]'")
    images = _images(args.images)
    suffix = args.format and f".{args.format}"
    files = {path: results_of(path, args.out, suffix, args.probabilities, args.polygons) for path in images}
    require_free(files)
    for path in images:
        image_size(path)  # of every header, so that a bad file is named at once
    trained = file_hash(args.weights)
    runs = {path: fingerprint(path, card.name, info.name, trained, settings, out) for path, out in files.items()}
    for path in [path for path, out in files.items() if is_done(path, out, runs[path])]:
        print(f"{files.pop(path).labels}  (done before)")
    if not files:
        return 0
    system = registry.build(card.at(trained_ratio(args.weights)), len(info.classes))
    load_weights(args.weights, system)
    system = system.inference_form().to(settings.device).eval()
    for path in files:
        with open_image(path) as source:
            procedure(system, source, settings)  # so that what does not fit is named at once
    if args.optimized:
        system, settings = _optimized(system, next(iter(files)), settings, quiet=args.quiet)
    for path, out in files.items():
        with bar(sys.stderr, path.name, quiet=args.quiet) as advance:
            how: dict[str, Any] = {"run": runs[path], "probabilities": out.probabilities, "progress": advance}
            made = predict_file(system, path, out.labels, info, settings, **how)
        print(f"{out.labels}  ({made})")
        _write_others(path, out, info)
    return 0


def _write_others(path: Path, out: Results, info: DatasetInfo) -> None:
    """What is made from the labels of an image, and the names of all files but theirs."""
    from benchmark.large.polygons import write_polygons

    if out.probabilities:
        print(out.probabilities)
    if out.polygons:
        print(f"{out.polygons}  ({write_polygons(out.labels, out.polygons, info.classes)} polygons)")
    if _write_overlay(path, out.labels, out.overlay, info):
        print(out.overlay)


def _images(named: list[Path]) -> list[Path]:
    """The files that were named, and the images in the folders that were named.

    Raises:
        UserError: a folder holds no image.
    """
    found: list[Path] = []
    for path in named:
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no image in this folder ({', '.join(sorted(SUFFIXES))})")
        found += inside
    return found


def _optimized(system: System, path: Path, settings: Settings, *, quiet: bool) -> tuple[System, Settings]:
    """The fastest form on the middle of an image, and the settings that name it.

    Raises:
        ResourceExhaustedError: memory runs out.
    """
    from benchmark.commands.progress import bar
    from benchmark.cost.optimized import fastest
    from benchmark.data.raster import open_image
    from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory

    with open_image(path) as source:
        spans = [(side - min(side, settings.sample), min(side, settings.sample)) for side in source.size]
        (top, tall), (left, wide) = ((rest // 2, length) for rest, length in spans)
        sample = source.rows(top, tall, (left, left + wide))
    try:
        with bar(sys.stderr, "forms", quiet=quiet) as advance:
            system, form = fastest(
                *(system, sample, settings.device, settings.precision), lambda _, done, total: advance(done, total)
            )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceExhaustedError("--optimized: memory is too small to look for a form; leave it out") from error
    return system, replace(settings, form=form)


def _write_overlay(path: Path, labels_file: Path, overlay_file: Path, info: DatasetInfo) -> bool:
    """Paint the labels over the image; False, and no file, where the image is large."""
    import cv2
    import numpy as np
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    from benchmark.data.raster import open_image
    from benchmark.data.raster_output import MADE_BY
    from benchmark.large.results import OVERLAY_PIXELS

    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_image(path))
        if source.size[0] * source.size[1] > OVERLAY_PIXELS:
            return False
        image, labels = source.rows(0, source.size[0]), np.array(Pillow.open(labels_file))
    colours = info.colourise(labels)
    made_by = PngInfo()
    made_by.add_text("Software", MADE_BY)
    Pillow.fromarray(cv2.addWeighted(colours, OPACITY, image, 1 - OPACITY, 0)).save(overlay_file, pnginfo=made_by)
    return True
