"""Pillow's bilinear resize of 8-bit images, antialiased, byte for byte on any device.

``Image.resize(size, BILINEAR)`` widens its triangle when it shrinks, keeps weights of 22 bits, and rounds to bytes
after the columns and again after the rows. (Pillow 13 takes the rows first where that is cheaper, as for no image
here.) A float resize differs by 1/255 at some pixels, enough for a net to label a tenth of the image otherwise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WEIGHT_BITS = 22


def bilinear(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The image ``[B, C, H, W]`` at ``size``, both in multiples of 1/255; other values are rounded first.

    ``size`` is (height, width). Equal to Pillow's bilinear resize of the bytes, whose filter widens on reduction.
    """
    levels = image.mul(255).round_().clamp_(0, 255).byte()
    for length in reversed(size):  # columns as rows of the transposed image, which are copied whole
        levels = _rows(levels.transpose(-2, -1).contiguous(), length)
    return levels.to(image.dtype).div_(255)


def _rows(levels: Tensor, length: int) -> Tensor:
    """Bytes ``[B, C, H, W]`` -> ``[B, C, length, W]``."""
    if levels.shape[-2] == length:
        return levels
    half = 1 << WEIGHT_BITS >> 1
    total = torch.full((*levels.shape[:-2], length, levels.shape[-1]), half, dtype=torch.int32, device=levels.device)
    for rows, weights in zip(*_taps(levels.shape[-2], length), strict=True):
        some = levels.index_select(-2, rows.to(levels.device)).int()
        total.addcmul_(some, weights.to(levels.device)[:, None])
    return total.bitwise_right_shift_(WEIGHT_BITS).byte()


def _taps(full: int, length: int) -> tuple[Tensor, Tensor]:
    """The pixels of ``full`` that each of ``length`` is made of, int64 ``[taps, length]``, and their weights, int32.

    Computed in numpy, so that it also works on the meta device, and step by step as in Pillow, to round as it does.
    """
    scale = full / length
    reach = max(scale, 1.0)
    centre = (np.arange(length) + 0.5) * scale
    first, end = (np.clip(np.trunc(centre + side + 0.5), 0, full) for side in (-reach, reach))
    place = first + np.arange((end - first).max())[:, None]
    weights = np.clip(1 - np.abs((place - centre + 0.5) * (1 / reach)), 0, None) * (place < end)
    whole = np.floor(weights * (1 / weights.sum(0)) * (1 << WEIGHT_BITS) + 0.5)
    rows = np.clip(place, 0, full - 1)
    return torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(whole.astype(np.int32))
