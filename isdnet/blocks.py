"""Building blocks of every part of the net: convolution with batch norm, and the segmentation head."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import Tensor, distributed, nn
from torch.nn import functional as F

S = TypeVar("S", bound=nn.Module)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that uses its running statistics in training too where a channel has a single value.

    The globally pooled map of one image is such a case: it has no batch statistics, and torch raises an error. Where
    several processes share a batch, the harness lets batch norm see all of it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as ``x`` ``[B, C, H, W]``.

        The running statistics do not change where they are used in training.
        """
        alone = not (distributed.is_initialized() and distributed.get_world_size() > 1)
        if self.training and alone and x.numel() == x.shape[1]:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class ConvBn(nn.Module):
    """Convolution without bias, batch norm and, where asked for, ReLU; "same" padding at stride 1."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
        self.bn = BatchNorm(outputs)
        self.activate = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, ceil(H / stride), ceil(W / stride)]``."""
        y: Tensor = self.activate(self.bn(self.conv(x)))
        return y


class SegmentationHead(nn.Module):
    """3x3 convolution to ``hidden`` channels, then 1x1 to the classes (or colours)."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = ConvBn(inputs, hidden, 3)
        self.out = nn.Conv2d(hidden, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, H, W]``."""
        logits: Tensor = self.out(self.hidden(x))
        return logits


def fcn_head(inputs: int, outputs: int) -> nn.Sequential:
    """The auxiliary head on ResNet's stage 3: 3x3 convolution to a quarter of the channels, dropout, 1x1."""
    return nn.Sequential(ConvBn(inputs, inputs // 4, 3), nn.Dropout2d(0.1), nn.Conv2d(inputs // 4, outputs, 1))


def without(system: S, head: str) -> S:
    """A twin of ``system`` that lacks the submodule ``head`` and shares all its other submodules and their weights.

    For the inference forms, which do not hold what only training uses.
    """
    twin = copy.copy(system)
    twin._modules = {**system._modules, head: None}
    return twin


def initialise(module: nn.Module) -> None:
    """Random weights as in mmsegmentation: convolutions by He et al. over the outputs, classifiers N(0, 0.01)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            if part.bias is None:
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.normal_(part.weight, std=0.01)
                nn.init.zeros_(part.bias)
