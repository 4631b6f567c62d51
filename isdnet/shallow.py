"""Shallow branch: the first four stages of STDC1 (Fan et al., CVPR 2021), on the full-size input (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from isdnet.blocks import ConvBn


class CatBottleneck(nn.Module):
    """Short-term dense concatenation: four convolutions, each half as wide as the one before, side by side."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half, quarter, eighth = outputs // 2, outputs // 4, outputs // 8
        self.first = ConvBn(inputs, half, 1)
        self.reduce = ConvBn(half, half, 3, stride=2, groups=half, relu=False) if stride == 2 else nn.Identity()
        self.skip = nn.AvgPool2d(3, 2, 1) if stride == 2 else nn.Identity()
        self.rest = nn.ModuleList([ConvBn(half, quarter, 3), ConvBn(quarter, eighth, 3), ConvBn(eighth, eighth, 3)])

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, ceil(H / stride), ceil(W / stride)]``."""
        return self.of(lambda: x)

    def of(self, make: Callable[[], Tensor]) -> Tensor:
        """As ``forward``, of a map that ``make`` gives: held by no caller, it is freed after the first convolution."""
        x = self.first(make())
        y = self.reduce(x)
        parts = [self.skip(x)]
        del x
        for conv in self.rest:
            y = conv(y)
            parts.append(y)
        return torch.cat(parts, dim=1)


class ShallowNet(nn.Module):
    """Stages 1 to 4 of STDC1, for an input of ``inputs`` channels: 6 for two residuals, 3 for RGB."""

    channels = (256, 512)

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.stage1 = ConvBn(inputs, 32, 3, stride=2)
        self.stage2 = ConvBn(32, 64, 3, stride=2)
        self.stage3 = nn.Sequential(CatBottleneck(64, 256, 2), CatBottleneck(256, 256, 1))
        self.stage4 = nn.Sequential(CatBottleneck(256, 512, 2), CatBottleneck(512, 512, 1))

    def forward(self, first: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """Stages 3 and 4, ``[B, 256, H/8, W/8]`` and ``[B, 512, H/16, W/16]``.

        ``first`` gives the map of stage 1. It is made here so that it is freed after stage 2, not kept by the caller.
        """
        reducing, last = self.stage3
        assert isinstance(reducing, CatBottleneck)
        x = last(reducing.of(lambda: self.stage2(first())))
        return x, self.stage4(x)
