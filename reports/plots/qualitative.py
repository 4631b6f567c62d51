"""Figures 1, 5 and 6: image, ground truth and predictions, each above a zoomed crop with the errors marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import image as pictures_io
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from reports.plots.style import heading, styled, wrapped
from results.cell import IGNORE

Pixels = NDArray[np.uint8]
RED, BLUE = (214, 39, 40), (31, 119, 180)
ZOOM = 4  # the image's side over the crop's
_LARGEST = 1000  # pixels of a panel's side that are drawn


@dataclass(frozen=True)
class Example:
    """An image uint8 ``[H, W, 3]``, its labels ``[H, W]`` (255 = ignore) and the label map of each system."""

    image: Pixels
    truth: Pixels
    predictions: Mapping[str, Pixels]


@dataclass(frozen=True)
class Classes:
    """Names and colours, in the order of the indices; ``foreground`` is the class of a two-class dataset."""

    names: Sequence[str]
    palette: Sequence[tuple[int, int, int]]
    foreground: int | None = None

    def coloured(self, labels: Pixels) -> Pixels:
        """Labels in their colours; ignored pixels are grey."""
        table = np.full((256, 3), 128, np.uint8)
        table[: len(self.palette)] = self.palette
        return table[labels]


def draw(title: str, examples: Sequence[Example], classes: Classes, source: str) -> Figure:
    """A row of full images and a row of crops for each example; errors are marked in the crops.

    In a two-class dataset missed foreground is red and invented foreground blue, as in the paper's Figure 6; elsewhere
    every error is red.
    """
    names = list(examples[0].predictions)
    with styled():
        figure = Figure(figsize=(1.7 * (2 + len(names)), 3.5 * len(examples) + 0.6), layout="constrained")
        panels = figure.subplots(2 * len(examples), 2 + len(names), squeeze=False)
        for panel in panels.ravel():
            panel.set_xticks([])
            panel.set_yticks([])
        for panel, name in zip(panels[0], ("image", "ground truth", *names), strict=True):
            panel.set_title(name, fontsize=7)
        for index, example in enumerate(examples):
            _example(panels[2 * index : 2 * index + 2], example, classes)
        heading(figure, title)
        patches = [
            Patch(facecolor=_hex(colour), edgecolor="black", linewidth=0.4, label=name)
            for name, colour in zip(classes.names, classes.palette, strict=True)
        ]
        handles, below = [*patches, *_error_patches(classes)], wrapped(figure, source, 19)
        figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=6, title=below, title_fontsize=6)
    return figure


def write_views(folder: Path, example: Example, classes: Classes) -> None:
    """Image, truth and label maps as PNG files of at most ``_LARGEST`` pixels a side, for the dashboard's slider.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    maps = {"truth": example.truth, **example.predictions}
    pictures = {"image": example.image, **{name: classes.coloured(labels) for name, labels in maps.items()}}
    for name, picture in pictures.items():
        step = -(-max(picture.shape[:2]) // _LARGEST)
        pictures_io.imsave(folder / f"{name}.png", np.ascontiguousarray(picture[::step, ::step]))


def errors(truth: Pixels, prediction: Pixels, foreground: int | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the pixels marked red and blue; ignored pixels are in neither."""
    wrong = (truth != prediction) & (truth != IGNORE)
    if foreground is None:
        return wrong, np.zeros_like(wrong)
    return wrong & (truth == foreground), wrong & (prediction == foreground)


def crop_of(example: Example) -> tuple[int, int, int, int]:
    """Top, left, height and width of the crop with the most pixels that some systems get right and others wrong."""
    right = np.stack([labels == example.truth for labels in example.predictions.values()])
    telling = right.any(0) & ~right.all(0) & (example.truth != IGNORE)
    height, width = (max(1, side // ZOOM) for side in telling.shape)
    sums = np.pad(telling.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(top), int(left), height, width


def _example(panels: NDArray[np.object_], example: Example, classes: Classes) -> None:
    top, left, height, width = crop_of(example)
    window = (slice(top, top + height), slice(left, left + width))
    marked = [_marked(example.truth, labels, classes) for labels in example.predictions.values()]
    plain = [classes.coloured(labels) for labels in example.predictions.values()]
    truth = classes.coloured(example.truth)
    for panel, picture in zip(panels[0], (example.image, truth, *plain), strict=True):
        step = -(-max(picture.shape[:2]) // _LARGEST)
        panel.imshow(picture[::step, ::step], interpolation="nearest")
        box = Rectangle(
            (left / step, top / step), width / step, height / step, fill=False, edgecolor="red", linewidth=0.8
        )
        panel.add_patch(box)
    for panel, picture in zip(panels[1], (example.image, truth, *marked), strict=True):
        panel.imshow(picture[window], interpolation="nearest")


def _marked(truth: Pixels, labels: Pixels, classes: Classes) -> Pixels:
    picture = classes.coloured(labels)
    missed, invented = errors(truth, labels, classes.foreground)
    picture[missed], picture[invented] = RED, BLUE
    return picture


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + bytes(colour).hex()


def _error_patches(classes: Classes) -> list[Patch]:
    red, blue = _hex(RED), _hex(BLUE)
    if classes.foreground is None:
        return [Patch(facecolor=red, label="wrong (crops)")]
    name = classes.names[classes.foreground]
    return [
        Patch(facecolor=red, label=f"{name} missed (crops)"),
        Patch(facecolor=blue, label=f"{name} invented (crops)"),
    ]
