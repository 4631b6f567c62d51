"""Masks for CascadePSP: a label map split into components to refine, and true masks distorted for training.

Source: hkchengrex/CascadePSP, ``scripts/ade20K/ade_expand_inst.py``, ``dataset/make_bb_trans.py`` (splitting) and
``util/boundary_modification.py``, ``util/de_transform.py`` (distortion).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]  # [H, W] of 0 and 1
ENLARGED = 0.25  # of a component's box: half of it on each side
LEAST_POINTS = 10  # of a contour that is kept when a mask is distorted
REMOVED = SAMPLED = 0.1  # of a contour's points: a stretch is removed, then so many are left
ROUNDS, REGIONS = 250, 4
LEAST_KERNEL = 3


@dataclass(frozen=True)
class Component:
    """A connected region of one class, in the box that is refined."""

    label: int
    rows: slice
    columns: slice
    mask: Mask  # of the box


def components(labels: Mask, disc_size: int, least_side: int) -> Iterator[Component]:
    """Regions of each class that are connected once gaps narrower than a disc are closed, in enlarged boxes.

    Args:
        labels: uint8 ``[H, W]``.
        disc_size: of the disc that dilates and erodes, in pixels.
        least_side: classes and regions of no more than its square in pixels are left out.
    """
    for label in np.unique(labels):
        own = (labels == label).astype(np.uint8)
        if own.sum() > least_side**2:
            for region in closed_regions(own, disc_element(disc_size), least_side):
                rows, columns = (_enlarged(np.flatnonzero(region.any(axis)), region.shape[1 - axis]) for axis in (1, 0))
                if rows.stop > rows.start and columns.stop > columns.start:
                    yield Component(int(label), rows, columns, region[rows, columns])


def closed_regions(own: Mask, disc: Mask, least_side: int) -> Iterator[Mask]:
    """Parts of a class's mask ``[H, W]`` that are connected once gaps narrower than the disc are closed."""
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(own, disc), connectivity=8)
    reach = max(disc.shape)
    for number in range(1, count):
        left, top, width, height = boxes[number, :4]
        # eroded within its box and as much around it as the disc reaches: the same as in the whole map
        box = (
            slice(max(0, top - reach), top + height + reach),
            slice(max(0, left - reach), left + width + reach),
        )
        closed = cv2.erode((numbers[box] == number).astype(np.uint8), disc)
        if closed.sum() > least_side**2:
            region = np.zeros_like(own)
            region[box] = closed * own[box]
            yield region


def _enlarged(occupied: NDArray[np.intp], length: int) -> slice:
    """The span of a region, enlarged. As released, its end is the last pixel and no further than the map's last."""
    if not len(occupied):
        return slice(0, 0)
    first, last = int(occupied[0]), int(occupied[-1])
    more = ENLARGED * (last - first) / 2
    return slice(int(max(0, first - more)), int(min(length - 1, last + more)))


def disc_element(size: int) -> Mask:
    """A disc of ``size`` x ``size`` pixels; of an even size it is not symmetric, as released.

    Returns uint8 ``[size, size]``, 1 inside the disc.
    """
    radius = size // 2
    y, x = np.ogrid[-radius : size - radius, -radius : size - radius]
    disc: Mask = (x * x + y * y <= radius * radius).astype(np.uint8)
    return disc


def distorted(mask: Mask, target_iou: float, most_kernel: int, random: np.random.Generator) -> Mask:
    """The mask with coarse contours, then dilated and eroded in random regions.

    As released, until its IoU is below the target with what the coarse contours gave, not with the mask itself.
    """
    coarse = coarse_contours(mask, random)
    drawn: Mask = coarse.copy()
    for _ in range(ROUNDS):
        for _ in range(REGIONS):
            _change_a_region(drawn, most_kernel, random)
        if mask_iou(drawn, coarse) < target_iou:
            break
    return drawn


def coarse_contours(mask: Mask, random: np.random.Generator) -> Mask:
    """The mask redrawn from contours with a tenth of their points; contours of fewer than 10 points vanish."""
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    coarse = [_thinned(np.asarray(contour), random) for contour in contours if len(contour) >= LEAST_POINTS]
    coarse = [contour for contour in coarse if len(contour)]
    drawn: Mask = mask.copy()
    if coarse:
        drawn.fill(0)
        cv2.drawContours(drawn, coarse, -1, (1, 0, 0), -1)
    return drawn


def _thinned(contour: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Without one of the stretches whose ends are closest, and then a tenth of the points, in order."""
    removed = int(len(contour) * REMOVED)
    chords = ((contour[: len(contour) - removed] - contour[removed:]) ** 2).sum((1, 2))
    start = random.choice(np.argsort(chords, kind="stable")[: math.ceil(0.1 * len(chords))])
    contour = np.concatenate([contour[:start], contour[start + removed :]])
    kept = random.choice(len(contour), int(len(contour) * SAMPLED), replace=False)
    return contour[np.sort(kept)]


def _change_a_region(mask: Mask, most_kernel: int, random: np.random.Generator) -> None:
    """Dilate or erode a random rectangle in place, at times around a pixel that was set or cleared in its middle."""
    height, width = mask.shape
    left, top = random.integers(width), random.integers(height)
    right, bottom = random.integers(left + 1, width + 1), random.integers(top + 1, height + 1)
    if random.random() < 0.25:
        mask[(top + bottom) // 2 % height, (left + right) // 2 % width] = random.integers(2)
    size = int(random.integers(LEAST_KERNEL, max(LEAST_KERNEL, most_kernel) + 1))
    shape, kernel = _KERNELS[random.integers(len(_KERNELS))]
    element = cv2.getStructuringElement(shape, (max(1, size // kernel[0]), max(1, size // kernel[1])))
    change = cv2.dilate if random.random() < 0.5 else cv2.erode
    mask[top:bottom, left:right] = change(mask[top:bottom, left:right], element)


_KERNELS = (
    (cv2.MORPH_RECT, (1, 1)),
    (cv2.MORPH_ELLIPSE, (1, 1)),
    (cv2.MORPH_ELLIPSE, (1, 2)),
    (cv2.MORPH_ELLIPSE, (2, 1)),
)


def mask_iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks; 1 if both are empty."""
    return float((np.count_nonzero(one & other) + 1e-6) / (np.count_nonzero(one | other) + 1e-6))
