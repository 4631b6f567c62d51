"""OpenCV's bilinear resize of 8-bit images, ``cv2.resize`` with ``INTER_LINEAR``, byte for byte on any device.

OpenCV works in fixed point: the weights of a pixel's two neighbours are multiples of 1/2048, columns are joined before
rows, and bits are dropped after each step. Found by comparison with OpenCV 4.5, 4.9 and 5.0 for x86.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.int64]


def bilinear(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The image ``[B, C, H, W]`` at ``size``, both in multiples of 1/255; other values are rounded first.

    ``size`` is (height, width). Equal to ``cv2.resize`` of the bytes, whose integer arithmetic it repeats.
    """
    steps = [(full // side, full % side) for full, side in zip(image.shape[-2:], size, strict=True)]
    halves = all(rest == 0 and step % 2 == 0 for step, rest in steps)
    pixels = _means(image, steps[0][0], steps[1][0]) if halves else _weighted(image, size)
    return pixels.to(image.dtype).div_(255)


def _bytes(image: Tensor) -> Tensor:
    return image.mul(255).round_().clamp_(0, 255).int()


def _means(image: Tensor, down: int, across: int) -> Tensor:
    """Means, halves rounded up, of the four pixels in the middle of each ``down x across`` of ``[B, C, H, W]``.

    Gives what ``_weighted`` gives where both numbers are even, so all weights are 1/2, in a fraction of the time.
    """
    middle = itertools.product((down // 2 - 1, down // 2), (across // 2 - 1, across // 2))
    four = (_bytes(image[..., top::down, left::across]) for top, left in middle)
    return reduce(torch.add, four).add_(2).bitwise_right_shift_(2)


def _weighted(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bytes ``[B, C, *size]`` as int32 of an image ``[B, C, H, W]``.

    Columns are handled as rows of the transposed image: a row is copied at once, a column value by value.
    """
    rows, row_weights = _neighbours(image.shape[-2], size[0], clipped=False)
    columns, column_weights = _neighbours(image.shape[-1], size[1], clipped=True)
    used = np.unique(rows)  # a large step leaves rows out
    turned = _bytes(image.index_select(-2, _to(image, used)).mT.contiguous())
    left, right = _products(turned, columns, column_weights)
    joined = left.add_(right).bitwise_right_shift_(4).mT.contiguous()
    products = _products(joined, np.searchsorted(used, rows), row_weights)
    upper, lower = (product.bitwise_right_shift_(16) for product in products)
    return upper.add_(lower).add_(2).bitwise_right_shift_(2)  # of the weights' 22 bits 2 are left to round by


def _products(pixels: Tensor, rows: Numbers, weights: Numbers) -> Iterator[Tensor]:
    """Two times ``n`` rows of ``[B, C, H, W]``, each times its weight; rows and weights are ``[2, n]``."""
    for numbers, factors in zip(rows, weights, strict=True):
        yield pixels.index_select(-2, _to(pixels, numbers)).mul_(_to(pixels, factors)[:, None])


def _to(maps: Tensor, numbers: Numbers) -> Tensor:
    return torch.from_numpy(numbers).to(maps.device, torch.int32)


def _neighbours(full: int, side: int, *, clipped: bool) -> tuple[Numbers, Numbers]:
    """Numbers of the two of ``full`` pixels between which each of ``side`` lies, and their weights in 1/2048.

    Both ``[2, side]``. Beyond the border are copies of the last pixel; where ``clipped``, as for columns, one of them
    has all the weight, else, as for rows, they share it, which rounds otherwise. Single precision as in OpenCV.
    """
    place = ((np.arange(side) + 0.5) * (1 / (side / full)) - 0.5).astype(np.float32)
    first = np.floor(place)
    share = place - first
    if clipped:
        share[(first < 0) | (first >= full - 1)] = 0
    pair = np.stack([first, first + 1]).astype(np.int64)
    return pair.clip(0, full - 1), np.rint(np.stack([1 - share, share]) * 2048).astype(np.int64)
