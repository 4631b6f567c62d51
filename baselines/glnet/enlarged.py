"""Convolutions of bilinearly enlarged maps without the enlarged maps.

Enlarging and convolving are both linear, and enlarging works on rows and columns apart: the value of each place of the
kernel is taken on the small map (``places``), and one matrix for the rows and one for the columns enlarge, shift and
sum them (``placed``). On a map enlarged from 26 to 127 that is a twentieth of the convolution's work.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def places(small: Tensor, weight: Tensor) -> Tensor:
    """``[n, C * k * k, h, w]``: what each place of a kernel ``[C, D, k, k]`` makes of small maps ``[n, D, h, w]``.

    The products are those of a 1x1 convolution; :func:`placed` enlarges, shifts and sums them.
    """
    outputs, inputs, height, width = weight.shape
    each = weight.permute(0, 2, 3, 1).reshape(outputs * height * width, inputs, 1, 1)
    return F.conv2d(small, each)


def placed(values: Tensor, kernel: int, *sizes: tuple[int, int]) -> Tensor:
    """The convolution, ``[n, C, H, W]``, of ``places`` on maps enlarged to each of ``sizes`` in turn.

    With a border of zeros around the last size, as of a convolution that keeps it. ``kernel`` is k.
    """
    number, _, height, width = values.shape
    rows = _enlarging(height, [size[0] for size in sizes], kernel, values)
    columns = _enlarging(width, [size[1] for size in sizes], kernel, values)
    blocks = values.view(number, -1, kernel, kernel, height, width).permute(0, 1, 3, 5, 2, 4)  # places and rows last
    tall = blocks.reshape(-1, kernel * height) @ rows.T  # one product: of a batch of small ones torch copies each
    wide = tall.view(-1, kernel * width, len(rows)).transpose(1, 2).reshape(-1, kernel * width) @ columns.T
    return wide.view(number, -1, len(rows), len(columns))


def _enlarging(length: int, lengths: list[int], kernel: int, like: Tensor) -> Tensor:
    """``[L, k * length]``: for each place of a kernel, the matrix that enlarges to L and shifts to that place."""
    matrix = torch.eye(length, dtype=like.dtype, device=like.device)[None]
    for longer in lengths:
        matrix = F.interpolate(matrix, size=longer, mode="linear", align_corners=False)
    border = kernel // 2
    return F.pad(matrix[0].T, (0, 0, border, border)).unfold(0, kernel, 1).transpose(1, 2).flatten(1)
