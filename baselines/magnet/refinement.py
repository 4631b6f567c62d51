"""MagNet's refinement module and the loss it is trained with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from benchmark.system import IGNORE

THRESHOLD = 0.7
MOMENTUM = 0.01  # of batch norm


class Refinement(nn.Module):
    """Probability maps of a tile at a fine and at a coarse scale -> logits (Huynh et al. 2021, section 3.3).

    Names are those of the published files; 88,092 parameters for 7 classes, 103,500 for 19.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(2 * num_classes)
        self.conv1 = nn.Conv2d(2 * num_classes, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        projection = nn.Sequential(nn.Conv2d(64, 128, 1, bias=False), nn.BatchNorm2d(128))
        self.residual = nn.Sequential(Bottleneck(64, 32, downsample=projection), Bottleneck(128, 32))
        self.seg_conv = nn.Conv2d(128, num_classes, 1, bias=False)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = MOMENTUM

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of two probability maps ``[B, C, h, w]``.

        The order of the two counts: each has its own half of the first layers' channels.
        """
        both = self.bn0(torch.cat([fine, coarse], dim=1))
        features = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(both))))))
        logits: Tensor = self.seg_conv(self.residual(features))
        return logits


def hard_cross_entropy(logits: Tensor, target: Tensor, least: int) -> Tensor:
    """Mean cross-entropy of the pixels whose true class has a probability below 0.7; 0 if no pixel is labelled.

    If fewer than ``least`` pixels qualify, the threshold rises until ``least`` do (OHEM).

    Args:
        logits: ``[B, C, H, W]``.
        target: int64 ``[B, H, W]``, 255 = ignore.
        least: pixels kept.
    """
    losses = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="none")[target != IGNORE]
    if not len(losses):
        return logits.sum() * 0
    place = max(1, len(losses) - least)  # the least-th hardest pixel is the place-th easiest
    limit = losses.detach().kthvalue(place).values.clamp(max=-torch.tensor(THRESHOLD).log().item())
    hard = losses > limit
    return (losses * hard).sum() / hard.sum().clamp(min=1)
