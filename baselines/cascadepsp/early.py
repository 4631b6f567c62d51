"""CascadePSP's net with the 1x1 convolutions before the enlargements that they follow in the release.

Both are linear and a bilinear enlargement's weights sum to 1, so each order gives the same maps, up to rounding. The
pools are enlarged with 1024 channels in all, not with 2048 each.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.cascadepsp.net import CascadeNet, PyramidPooling, Upsample, resized


class EarlyPooling(PyramidPooling):
    """The bottleneck's part for each pool at the pool's size."""

    def forward(self, maps: Tensor) -> Tensor:
        """As released."""
        *of_pools, of_maps = self.bottleneck.weight.chunk(len(self.stages) + 1, dim=1)
        total = F.conv2d(maps, of_maps, self.bottleneck.bias)
        for stage, weight in zip(self.stages, of_pools, strict=True):
            total += resized(F.conv2d(stage(maps), weight), maps)
        return total.relu_()


class EarlyUpsample(Upsample):
    """The shortcut at the size of the maps that are enlarged."""

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        """As released."""
        shortcut = self.shortcut(maps)
        joined = self.conv(torch.cat([resized(maps, skip), skip], dim=1))
        joined += resized(shortcut, skip)
        refined: Tensor = joined + self.conv2(joined)
        return refined


class EarlyCascadeNet(CascadeNet):
    """The same weights."""

    pooling, upsample = EarlyPooling, EarlyUpsample
