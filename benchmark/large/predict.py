"""Labels of an image of any size within a memory budget: from top to bottom where the system allows, else whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from torch import Tensor

from benchmark.card import Downsampled, SlidingWindow, reduced_size
from benchmark.data.raster import Columns, Source
from benchmark.errors import UserError
from benchmark.inference import Net, labels_from, padded, resize
from benchmark.large.slabs import BAND_STEP, Blend, bands, slab_mib, slabs
from benchmark.large.turned import turned
from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory
from benchmark.prediction import computing, predicted, to_batch
from benchmark.system import System
from results.cell import Precision

TILE_OVERLAP = 0.25  # of a tile
IMAGE_BYTES = 16  # for each pixel: uint8 and float32 colours, the label
NET_BYTES = 84  # for each pixel that a net sees at once: ISDNet takes 86 with the image at 2448x2448, most others more
PATCH_BYTES = 800  # for each pixel of a patch: FCN-8s takes 780, UNet and DeepLabv3+ 620, at 512x512
TILE_BYTES = 180  # for each pixel of a tile: STDC takes 163, ISDNet 156, at 512x512
STREAM_BYTES = 34  # for each pixel of an image that ISDNet sees from top to bottom, at 10,000x10,000
MIB = 2**20
SAMPLE = 512  # see Settings.sample


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are predicted.

    Raises:
        UserError: settings exclude each other.
    """

    device: str = "cpu"
    scale: float = 1.0  # of the image before the system sees it
    blend: Blend = "mean"
    tile: int | None = None  # side of the tiles that a whole-image system gets instead of the image
    tta: bool = False  # mean over mirror images and quarter turns
    precision: Precision = "fp32"
    form: str = ""  # in which the system is, if not as it was built
    logits: bool = False  # wanted beside the labels
    budget_mib: float | None = None  # of host memory; None: half of what is free

    def __post_init__(self) -> None:
        if self.tile and self.scale != 1:
            raise UserError("--tile and --scale: tiles are cut from the image at its own size; leave one of them out")

    @property
    def sample(self) -> int:
        """Side of the part of an image on which the forms of a system are tried, in pixels."""
        fits = (self.budget_mib or math.inf) * MIB / 2 / PATCH_BYTES
        return int(min(SAMPLE, self.tile or SAMPLE, fits**0.5))


@dataclass(frozen=True)
class Slab:
    """Finished rows of an image, of all columns or of a band of them."""

    top: int  # first row
    labels: NDArray[np.uint8]  # [rows, W]
    logits: Tensor | None  # [1, C, rows, W] at full size; None where a system refines labels or nobody asked
    left: int = 0  # first column

    @property
    def columns(self) -> Columns:
        """The first column, and the one after the last."""
        return self.left, self.left + self.labels.shape[1]


@dataclass(frozen=True)
class Procedure:
    """How the labels of an image are made."""

    words: str
    window: SlidingWindow | None  # None: no windows
    slabs: Callable[[], Iterator[Slab]]


def procedure(system: System, source: Source, settings: Settings) -> Procedure:
    """How a system predicts an image, within the memory budget.

    Args:
        system: trained, in eval mode, on the device.
        source: the image.
        settings: see there.

    Raises:
        ResourceExhaustedError: the memory budget is too small; the message names the way out.
        UserError: tiles, test-time augmentation or logits of a system whose labels are no argmax of logits.
    """
    _require_argmax(system, settings)
    budget_mib = settings.budget_mib or psutil.virtual_memory().available / MIB / 2
    window = _window(system, settings)
    if window:
        seen = min(window.patch, source.size[0]) * min(window.patch, source.size[1])  # pixels of a patch
        patch_mib = (TILE_BYTES if settings.tile else PATCH_BYTES) * seen / MIB
        window = replace(window, batch=min(window.batch, max(1, int(budget_mib / 2 / patch_mib))))
        parts = _bands(system, source, window, budget_mib, window.batch * patch_mib)
        words = f"patches of {window.patch}, overlap {window.overlap}, blend {settings.blend}"
        words = f"tiles instead of the whole image, which changes the method: {words}" if settings.tile else words
        return Procedure(_in_words(words, settings), window, partial(_windows, system, source, window, parts, settings))
    pixels = source.size[0] * source.size[1]
    pixel_bytes, words, made = _bytes_per_pixel(system, settings), _in_words("the whole image", settings), _whole
    if pixels * pixel_bytes > budget_mib * MIB and system.streams and settings.scale == 1 and not settings.tta:
        pixel_bytes, words, made = STREAM_BYTES, _in_words("the whole image, from top to bottom", settings), _streamed
    fits = int((budget_mib * MIB / pixel_bytes) ** 0.5)
    way_out = f"images up to about {fits}x{fits} fit; cut it, raise --memory-budget, or use --tile"
    _require(pixels * pixel_bytes / MIB, source, budget_mib, way_out)
    return Procedure(words, None, partial(made, system, source, settings))


def slabs_of(made: Procedure, source: Source, system: System) -> Iterator[Slab]:
    """The slabs of a procedure.

    Raises:
        ResourceExhaustedError: memory runs out.
    """
    try:
        yield from made.slabs()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        what = f"{source.path}: {source.size[0]}x{source.size[1]} pixels: memory is too small for '{system.card.name}'"
        raise ResourceExhaustedError(
            f"{what}; use --tile, a system that works on patches, or a smaller --scale"
        ) from error


def _require_argmax(system: System, settings: Settings) -> None:
    asked = {"--tile": settings.tile, "--tta": settings.tta, "--probabilities": settings.logits}
    option = next((name for name, value in asked.items() if value), None)
    if option and type(system).predict is not System.predict:
        raise UserError(f"{option}: labels of '{system.card.name}' are more than the argmax of logits; leave it out")


def _bytes_per_pixel(system: System, settings: Settings) -> float:
    """Memory of a pass over the image for each of its pixels: of the image as given, and of what the net sees of it."""
    own = system.card.inference
    seen = settings.scale * (own.scale if isinstance(own, Downsampled) else 1)
    return IMAGE_BYTES + NET_BYTES * seen**2


def _bands(
    system: System, source: Source, window: SlidingWindow, budget_mib: float, patches_mib: float
) -> list[Columns]:
    """The bands of columns in which windows keep within the budget: one, if the image is not too wide for it.

    ``patches_mib`` is what the net needs for the patches that it sees at a time.
    """
    found = bands(system.num_classes, window, source.size, budget_mib - patches_mib)
    if not found:
        narrow = min(source.size[1], BAND_STEP + 2 * window.patch)
        needed_mib = patches_mib + slab_mib(system.num_classes, window, (source.size[0], narrow))
        _require(needed_mib, source, budget_mib, "raise --memory-budget")
    return found


def _require(needed_mib: float, source: Source, budget_mib: float, way_out: str) -> None:
    if needed_mib > budget_mib:
        raise ResourceExhaustedError(
            f"{source.path}: {source.size[0]}x{source.size[1]} pixels need about {needed_mib:.0f} MiB, the budget is "
            f"{budget_mib:.0f} MiB; {way_out}"
        )


def _window(system: System, settings: Settings) -> SlidingWindow | None:
    """The window that slides over the image, if the labels are those of the averaged logits; else None."""
    if settings.tile:
        return SlidingWindow(settings.tile, round(settings.tile * TILE_OVERLAP))
    kind, own = type(system), system.card.inference
    plain = kind.logits is System.logits and kind.predict is System.predict and kind.labels_of is System.labels_of
    return own if isinstance(own, SlidingWindow) and plain and settings.scale == 1 else None


def _in_words(words: str, settings: Settings) -> str:
    scale = f" at {settings.scale:g} of its sides" if settings.scale != 1 else ""
    views = ", mean of 8 views" if settings.tta else ""
    form = f", {settings.form}" if settings.form else ""
    precision = f", {settings.precision}" if settings.precision != "fp32" else ""
    return f"{words}{scale}{views}{form}{precision}"


def _windows(
    system: System, source: Source, window: SlidingWindow, parts: list[Columns], settings: Settings
) -> Iterator[Slab]:
    multiple = system.card.size_multiple
    net: Net = system if multiple == 1 else lambda patch: padded(system, patch, multiple)
    net, enlarge = (system.logits, system.enlarged) if settings.tile else (net, resize)
    seen = turned(net, enlarge) if settings.tta else net
    for band in parts:
        made = slabs(
            *(seen, source.rows, source.size, window),
            band=band,
            blend=settings.blend,
            device=settings.device,
            enlarge=enlarge,
        )
        for top, logits in _computed(made, system, settings):
            yield _slab(top, logits, settings, band[0])


def _streamed(system: System, source: Source, settings: Settings) -> Iterator[Slab]:
    def read(top: int, count: int) -> Tensor:
        return to_batch(np.require(source.rows(top, count), np.uint8, ["C", "W"]), settings.device)

    for top, logits in _computed(system.streamed(read, source.size), system, settings):
        yield _slab(top, logits, settings)


def _computed(parts: Iterator[tuple[int, Tensor]], system: System, settings: Settings) -> Iterator[tuple[int, Tensor]]:
    """Parts of an image's logits, in the precision asked for; between them torch is as the caller left it."""
    while True:
        with computing(system, settings.device, settings.precision):
            part = next(parts, None)
        if part is None:
            return
        yield part


def _whole(system: System, source: Source, settings: Settings) -> Iterator[Slab]:
    image = source.rows(0, source.size[0])
    if not (settings.tta or settings.logits):
        how: dict[str, Any] = {"device": settings.device, "precision": settings.precision, "scale": settings.scale}
        yield Slab(0, predicted(system, image, **how), None)
        return
    with computing(system, settings.device, settings.precision):
        pixels = to_batch(np.require(image, np.uint8, ["C", "W"]), settings.device)
        pixels = resize(pixels, reduced_size(source.size, settings.scale))
        net = turned(system.logits, system.enlarged) if settings.tta else system.logits
        logits = system.enlarged(net(pixels), (pixels.shape[-2], pixels.shape[-1]))
        slab = _slab(0, system.enlarged(logits, source.size), settings)
    yield slab


def _slab(top: int, logits: Tensor, settings: Settings, left: int = 0) -> Slab:
    labels = labels_from(logits, (logits.shape[-2], logits.shape[-1]))[0].cpu().numpy()
    return Slab(top, labels, logits.float() if settings.logits else None, left)
