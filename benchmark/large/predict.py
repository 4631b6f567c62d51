"""The label map of one image file, within a memory budget: in slabs where the system works on patches, else whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from benchmark.card import SlidingWindow
from benchmark.data.base import DatasetInfo
from benchmark.data.raster import NO_LABEL, Source, label_writer, open_image
from benchmark.inference import Net, padded, resize
from benchmark.large.slabs import Blend, slab_mib, slabs
from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory
from benchmark.prediction import predicted
from benchmark.system import System

TILE_OVERLAP = 0.25  # of a tile
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are predicted."""

    device: str = "cpu"
    scale: float = 1.0  # of the image before the system sees it
    blend: Blend = "mean"
    tile: int | None = None  # side of the tiles that a whole-image system gets instead of the image
    budget_mib: float | None = None  # of host memory; None: half of what is free


def predict_file(
    system: System,
    path: Path,
    out: Path,
    info: DatasetInfo,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> str:
    """Write the labels of an image; returns how they were made, as it stands in the file's metadata.

    Args:
        system: trained, in eval mode, on the device.
        path: of the image.
        out: of the label map, PNG or TIFF.
        info: the dataset whose classes the system knows.
        settings: see there.
        progress: told the rows done and the rows in all.

    Raises:
        BadFileError: the image cannot be read.
        ResourceExhaustedError: the memory budget is too small; the message names the way out.
        UserError: the output cannot be written.
    """
    with open_image(path) as source:
        window = window_of(system, settings)
        _require_budget(source, window, len(info.classes), path, settings)
        notes = {
            "System": system.card.name,
            "Classes": ", ".join(info.classes),
            "Procedure": procedure(window, settings),
        }
        try:
            with label_writer(out, source, info.palette, notes) as writer:
                for top, labels in _labels(system, source, window, settings):
                    writer.write(top, _without_missing(labels, source.missing(top, len(labels))))
                    progress(top + len(labels), source.size[0])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise _too_small(path, source.size, system.card.name) from error
    return notes["Procedure"]


def window_of(system: System, settings: Settings) -> SlidingWindow | None:
    """The window that a system slides over the image, if its labels are those of the averaged logits; else None.

    Raises:
        ResourceExhaustedError: tiles were asked for, and the system's labels are not the argmax of its logits.
    """
    kind = type(system)
    if settings.tile:
        if kind.predict is not System.predict:
            name = system.card.name
            raise ResourceExhaustedError(f"--tile: labels of '{name}' are more than the argmax of logits; leave it out")
        return SlidingWindow(settings.tile, round(settings.tile * TILE_OVERLAP))
    own = system.card.inference
    plain = kind.logits is System.logits and kind.predict is System.predict and kind.labels_of is System.labels_of
    return own if isinstance(own, SlidingWindow) and plain and settings.scale == 1 else None


def procedure(window: SlidingWindow | None, settings: Settings) -> str:
    """The procedure in words."""
    scale = f" at {settings.scale:g} of its sides" if settings.scale != 1 else ""
    if window is None:
        return f"the system's own, on the whole image{scale}"
    patches = f"patches of {window.patch}, overlap {window.overlap}, blend {settings.blend}"
    return f"tiles instead of the whole image, which changes the method: {patches}" if settings.tile else patches


def _labels(
    system: System, source: Source, window: SlidingWindow | None, settings: Settings
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    if window is None:
        yield 0, predicted(system, source.rows(0, source.size[0]), device=settings.device, scale=settings.scale)
        return
    with torch.inference_mode():
        enlarge = system.enlarged if settings.tile else resize
        yield from slabs(
            _net(system, settings),
            source.rows,
            source.size,
            window,
            blend=settings.blend,
            device=settings.device,
            enlarge=enlarge,
        )


def _net(system: System, settings: Settings) -> Net:
    """What gives the logits of a patch: the system's own net, or its whole procedure on a tile."""
    if settings.tile:
        return system.logits
    multiple = system.card.size_multiple
    return system if multiple == 1 else lambda patch: padded(system, patch, multiple)


def _without_missing(labels: NDArray[np.uint8], missing: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    return labels if missing is None else np.where(missing, np.uint8(NO_LABEL), labels)


def _require_budget(source: Source, window: SlidingWindow | None, classes: int, path: Path, settings: Settings) -> None:
    """Refuse an image whose sums, or whose pixels as floats, alone exceed the budget.

    Raises:
        ResourceExhaustedError: they do.
    """
    budget_mib = settings.budget_mib or psutil.virtual_memory().available / MIB / 2
    height, width = source.size
    needed_mib = slab_mib(classes, window, source.size) if window else height * width * (3 * 4 + 3 + 1) / MIB
    if needed_mib > budget_mib:
        fits = int((budget_mib * MIB / 16) ** 0.5)
        way_out = "raise --memory-budget" if window else f"images up to {fits}x{fits} fit; cut it, or use --tile"
        raise ResourceExhaustedError(
            f"{path}: {height}x{width} pixels need {needed_mib:.0f} MiB and more, the budget is {budget_mib:.0f} MiB; "
            f"{way_out}"
        )


def _too_small(path: Path, size: tuple[int, int], system: str) -> ResourceExhaustedError:
    what = f"{path}: {size[0]}x{size[1]} pixels: memory is too small for '{system}'"
    return ResourceExhaustedError(f"{what}; use --tile, a system that works on patches, or a smaller --scale")
