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
        x = self.first(x)
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

    def forward(self, image: Tensor, prepare: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Stages 3 and 4, ``[B, 256, H/8, W/8]`` and ``[B, 512, H/16, W/16]``, of the input ``prepare(image)``.

        The input is prepared here so that it is freed after the first convolution, not kept by the caller.
        """
        x = self.stage1(prepare(image))
        x = self.stage2(x)
        x = self.stage3(x)
        return x, self.stage4(x)
