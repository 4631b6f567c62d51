"""Whole-image, downsampled and sliding-window inference: three small functions that compose.

Each takes a net (image ``[B, 3, H, W]`` -> logits ``[B, C, h, w]`` at any stride) and an image, and returns logits of
the entire image, again at any stride. ``labels_from`` turns them into labels without storing full-size logits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.card import reduced_size

Net = Callable[[Tensor], Tensor]


def resize(maps: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Bilinear resize of ``[B, C, h, w]`` to ``[B, C, *size]``, without antialiasing.

    Args:
        maps: images or logits, floating point.
        size: (height, width) of the result. Maps of that size are returned as they are, not copied.
        align_corners: as in ``torch.nn.functional.interpolate``; must match the net's training.
    """
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)


def pad_to(image: Tensor, multiple: int) -> Tensor:
    """The image ``[B, C, H, W]``, padded at the bottom and right until its sides are multiples of ``multiple``.

    The padding reflects the image, or repeats its border where the image is too small to be reflected.
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not (bottom or right):
        return image
    return F.pad(image, (0, right, 0, bottom), mode="reflect" if bottom < height and right < width else "replicate")


def padded(net: Net, image: Tensor, multiple: int) -> Tensor:
    """Logits of an image of any size by a net whose input sides must be multiples of ``multiple``.

    The image ``[B, 3, H, W]`` is padded, and its logits are enlarged to the padded size and cropped to
    ``[B, C, H, W]``. An image that needs no padding gives the net's logits at the net's own stride.
    """
    full = pad_to(image, multiple)
    if full is image:
        return net(image)
    return resize(net(full), (full.shape[-2], full.shape[-1]))[..., : image.shape[-2], : image.shape[-1]]


def whole(net: Net, image: Tensor) -> Tensor:
    """One pass over the entire image at its own size."""
    return net(image)


def reduced(image: Tensor, scale: float) -> Tensor:
    """The image ``[B, 3, H, W]`` with its sides multiplied by ``scale``, bilinear.

    Sides are rounded, and at least one pixel long. The filter is antialiased as in image libraries, unlike that of
    :func:`resize`, which enlarges logits.
    """
    full = (image.shape[-2], image.shape[-1])
    exporting = torch.compiler.is_exporting()
    size = (rounded(full[0], scale), rounded(full[1], scale)) if exporting else reduced_size(full, scale)
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)


def rounded(side: int, scale: float) -> int:
    """A side as ``reduced_size`` rounds it, half to even, in whole numbers: an exported file holds no ``round``."""
    above, below = Fraction(scale).limit_denominator(10_000).as_integer_ratio()
    doubled = 2 * side * above + below
    nearest = doubled // (2 * below)
    is_half = 1 - torch.sym_min(doubled % (2 * below), 1)
    return cast(int, torch.sym_max(nearest - is_half * (nearest % 2), 1))  # symbolic where the side is


def downsampled(net: Net, image: Tensor, scale: float) -> Tensor:
    """One pass over the reduced image."""
    return net(reduced(image, scale))


def window_starts(length: int, patch: int, overlap: int) -> list[int]:
    """Starts of the patches that cover ``length``; the last one is moved back to end at the border.

    Raises:
        ValueError: the overlap is not smaller than the patch.
    """
    if not 0 <= overlap < patch:
        raise ValueError(f"overlap {overlap} must be at least 0 and smaller than the patch {patch}")
    if length <= patch:
        return [0]
    count = math.ceil((length - patch) / (patch - overlap)) + 1
    return [min(index * (patch - overlap), length - patch) for index in range(count)]


def sliding_window(net: Net, image: Tensor, patch: int, overlap: int, batch: int = 1) -> Tensor:
    """Logits ``[B, C, H, W]`` of overlapping patches, averaged where they overlap, summed on the image's device.

    Args:
        net: takes patches ``[batch * B, 3, h, w]``; its logits are enlarged to the patch.
        image: ``[B, 3, H, W]``. Where it is smaller than the patch, the patch shrinks to it.
        patch: side of the square patches in pixels.
        overlap: pixels that neighbouring patches share at least.
        batch: patches of an image in one pass; the last pass may have fewer.

    Raises:
        ValueError: the overlap is not smaller than the patch.
    """
    height, width = image.shape[-2:]
    size = (min(patch, height), min(patch, width))
    corners = list(itertools.product(window_starts(height, patch, overlap), window_starts(width, patch, overlap)))
    total: Tensor | None = None
    for (top, left), logits in _patch_logits(net, image, corners, size, batch):
        if total is None:
            total = image.new_zeros(image.shape[0], logits.shape[1], height, width)  # of full precision
        total[..., top : top + size[0], left : left + size[1]] += logits
    assert total is not None  # there is always one window
    count = total.new_zeros(height, width)
    for top, left in corners:
        count[top : top + size[0], left : left + size[1]] += 1
    return total.div_(count)


def _patch_logits(
    net: Net, image: Tensor, corners: list[tuple[int, int]], size: tuple[int, int], batch: int
) -> Iterator[tuple[tuple[int, int], Tensor]]:
    for first in range(0, len(corners), batch):
        chunk = corners[first : first + batch]
        patches = torch.cat([image[..., top : top + size[0], left : left + size[1]] for top, left in chunk])
        logits = resize(net(patches), size)
        yield from zip(chunk, torch.split(logits, image.shape[0]), strict=True)


def labels_from(logits: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Labels ``[B, H, W]`` (uint8) of logits ``[B, C, h, w]`` enlarged to ``size``.

    Classes are enlarged one by one against a running maximum: the argmax of all enlarged logits (the lowest class wins
    a tie), in the memory of three maps instead of C.
    """
    best = resize(logits[:, :1], size, align_corners=align_corners)
    labels = torch.zeros_like(best, dtype=torch.uint8)
    for index in range(1, logits.shape[1]):
        scores = resize(logits[:, index : index + 1], size, align_corners=align_corners)
        labels.masked_fill_(scores > best, index)
        best = torch.maximum(best, scores)
    return labels[:, 0]
