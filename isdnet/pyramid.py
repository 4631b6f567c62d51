"""Laplacian pyramid, eq. 1: ``H_i = g_i(I) - Upsample(g_{i+1}(I))``.

``g`` blurs with the 5x5 binomial kernel and keeps every second pixel. Upsample puts zeros between the pixels and blurs
with four times the kernel. At the borders the image is reflected. At odd sides the enlarged map is cropped, which is
what the nearest-neighbour resize of the released code comes to (isdhead.py, ``pyramid_decom``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.inference import resize


class LaplacianPyramid(nn.Module):
    """Residuals of ``levels`` levels; any number of channels."""

    def __init__(self, levels: int = 2) -> None:
        super().__init__()
        self.levels = levels
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)
        self.kernel: Tensor

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """Residuals ``[B, C, ceil(H / 2^i), ceil(W / 2^i)]`` for i = 0, 1, ..., and the reduced image that is left.

        Each side must be 3 or more at every level that is reduced.
        """
        residuals = []
        for _ in range(self.levels):
            reduced = self.reduced(image)
            residuals.append(image - self.enlarged(reduced, image.shape[-2:]))
            image = reduced
        return residuals, image

    def reconstructed(self, residuals: list[Tensor], image: Tensor) -> Tensor:
        """The inverse of :meth:`forward`.

        ``residuals`` are given from fine to coarse, ``image`` is the reduced one; gives ``[B, C, H, W]``.
        """
        for residual in reversed(residuals):
            image = residual + self.enlarged(image, residual.shape[-2:])
        return image

    def high_frequency(self, image: Tensor) -> Tensor:
        """Input of the shallow branch, ``[B, 3 * levels, H, W]``: all residuals, enlarged bilinearly.

        Channels are in the order of the levels, the finest first.
        """
        residuals, _ = self(image)
        size = (image.shape[-2], image.shape[-1])
        return torch.cat([resize(residual, size) for residual in residuals], dim=1)

    def reduced(self, image: Tensor) -> Tensor:
        """``g``: ``[B, C, H, W]`` to ``[B, C, ceil(H / 2), ceil(W / 2)]``.

        Each channel by itself; the image is reflected at its borders.
        """
        batch, channels, height, width = image.shape
        padded = F.pad(image, (2, 2, 2, 2), mode="reflect").flatten(0, 1)[:, None]
        return F.conv2d(padded, self.kernel, stride=2).view(batch, channels, (height + 1) // 2, (width + 1) // 2)

    def enlarged(self, image: Tensor, size: torch.Size) -> Tensor:
        """``Upsample``: ``[B, C, h, w]`` to ``[B, C, *size]``, where ``size`` is ``(2h, 2w)`` or one less."""
        batch, channels = image.shape[:2]
        # reflected, the zero-filled map has the second pixel before the first, and the last again after the last
        border = F.pad(F.pad(image, (1, 0, 1, 0), mode="reflect"), (0, 1, 0, 1), mode="replicate")
        border = border.flatten(0, 1)[:, None]
        full = F.conv_transpose2d(border, 4 * self.kernel, stride=2, padding=4, output_padding=1)
        return full.view(batch, channels, *full.shape[-2:])[..., : size[0], : size[1]]
