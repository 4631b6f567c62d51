"""Sliding-window inference in slabs of rows: logits of any image in the memory of one row of patches.

The sums of a row of patches are divided, handed on and forgotten as soon as no later row adds to them. Patches are
added in the order of :func:`benchmark.inference.sliding_window`, so the logits equal those of the image as a whole.
Where a row of patches is too wide for memory, the image is done in bands of columns; patches that reach into two bands
are computed for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.card import SlidingWindow
from benchmark.data.raster import Columns
from benchmark.inference import Net, resize, window_starts
from benchmark.prediction import to_batch

Blend = Literal["mean", "gaussian", "hann", "centre"]
BLENDS: tuple[Blend, ...] = get_args(Blend)
DEVIATION = 0.125  # of the Gaussian, in patches
LEAST = 1e-3  # weight of a patch's corner, over that of its middle: a pixel that one patch alone covers needs some
BAND_STEP = 256  # bands end at multiples of it, where the blocks of a TIFF do
Reader = Callable[[int, int, Columns], NDArray[np.uint8]]  # first row, number of rows, columns -> [rows, columns, 3]
Enlarge = Callable[[Tensor, tuple[int, int]], Tensor]


def slabs(
    net: Net,
    read: Reader,
    size: tuple[int, int],
    window: SlidingWindow,
    *,
    band: Columns | None = None,
    blend: Blend = "mean",
    device: str = "cpu",
    enlarge: Enlarge = resize,
) -> Iterator[tuple[int, Tensor]]:
    """The logits of a band of an image from top to bottom: the first row of a slab, its logits ``[1, C, rows, W]``.

    Args:
        net: takes patches ``[B, 3, h, w]`` in [0, 1]; its logits may have any stride.
        read: gives rows of the image.
        size: height and width of the image.
        window: patch, overlap and patches at a time.
        band: which columns; None: all of them.
        blend: how patches are weighed where they overlap; "mean" is what the paper's systems do.
        device: where the net is.
        enlarge: logits to the size of a patch.
    """
    height, width = size
    tall, wide = min(window.patch, height), min(window.patch, width)
    rows = window_starts(height, window.patch, window.overlap)
    begin, end = band or (0, width)
    columns = [at for at in window_starts(width, window.patch, window.overlap) if at < end and at + wide > begin]
    reach = (columns[0], columns[-1] + wide)  # of these patches
    columns = [at - reach[0] for at in columns]
    wanted = slice(begin - reach[0], end - reach[0])
    weight = weights(blend, (tall, wide), window.overlap).to(device)
    total, count = torch.empty(0), torch.zeros(tall, reach[1] - reach[0], device=device)
    for top, after in zip(rows, [*rows[1:], height], strict=True):
        strip = to_batch(np.require(read(top, tall, reach), np.uint8, ["C", "W"]), device)
        for first in range(0, len(columns), window.batch):
            chunk = columns[first : first + window.batch]
            logits = enlarge(net(torch.cat([strip[..., left : left + wide] for left in chunk])), (tall, wide))
            if not total.numel():
                total = strip.new_zeros(1, logits.shape[1], *count.shape)  # of full precision
            for left, scores in zip(chunk, torch.split(logits, 1), strict=True):
                total[..., left : left + wide] += scores if blend == "mean" else scores * weight
                count[:, left : left + wide] += weight
        done = after - top
        yield top, total[..., :done, wanted] / count[:done, wanted]
        for sums in (total, count):
            sums[..., : tall - done, :] = sums[..., done:, :].clone()
            sums[..., tall - done :, :] = 0


def weights(blend: Blend, size: tuple[int, int], overlap: int) -> Tensor:
    """The weight of each pixel of a patch, ``[h, w]``, above 0.

    "mean": all alike. "gaussian": falls with the distance from the middle. "hann": a raised cosine, which reaches
    nearly 0 at the border. "centre": the border, half an overlap wide, counts only where no other patch reaches.
    """

    def profile(length: int) -> Tensor:
        place = (torch.arange(length, dtype=torch.float32) + 0.5) / length  # 0 to 1
        if blend == "gaussian":
            return torch.exp(-0.5 * ((place - 0.5) / DEVIATION) ** 2).clamp_min(LEAST)
        if blend == "hann":
            return torch.sin(torch.pi * place).square().clamp_min(LEAST)
        margin = min(overlap // 2, (length - 1) // 2) if blend == "centre" else 0
        inside = torch.ones(length)
        inside[:margin] = inside[length - margin :] = LEAST
        return inside

    return profile(size[0])[:, None] * profile(size[1])[None]


def slab_mib(classes: int, window: SlidingWindow, size: tuple[int, int]) -> float:
    """Memory of the sums, the logits and the rows of one slab, in MiB, without what the net needs for its patches."""
    tall = min(window.patch, size[0])
    return (3 * classes + 8) * 4 * tall * size[1] / 2**20


def bands(classes: int, window: SlidingWindow, size: tuple[int, int], budget_mib: float) -> list[Columns]:
    """The fewest bands of columns whose slabs keep within the budget; none if even the narrowest does not."""
    height, width = size
    if slab_mib(classes, window, size) <= budget_mib:
        return [(0, width)]
    within = int(budget_mib / slab_mib(classes, window, (height, 1)))  # columns
    step = (within - 2 * window.patch) // BAND_STEP * BAND_STEP  # patches reach beyond both sides of a band
    return [(left, min(left + step, width)) for left in range(0, width, step)] if step > 0 else []
