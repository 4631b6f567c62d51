"""The net of SegFix (Yuan et al. 2020, section 3.1) and its loss: HRNet, a boundary head and a direction head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common.mmseg_adapter import build_module, library_config
from baselines.segfix.targets import DIRECTIONS
from benchmark.inference import resize
from benchmark.system import IGNORE

MULTIPLE = 32  # of the sides of an image: smaller branches then enlarge to the size of larger ones
MIDDLE = 256
SLOPE = 0.01  # of the leaky ReLU that the release's fused batch norm has where nothing else is said


def trunk(width: int) -> Any:
    """HRNet of mmsegmentation with 18 or 48 channels, enlarging with aligned corners as its authors' code does."""
    net: Any = build_module(library_config(f"hrnet/fcn_hr{width}_4xb2-80k_cityscapes-512x1024.py")["backbone"])
    for fused in [layer for layer in net.modules() if isinstance(layer, nn.Sequential)]:
        factor: Any = getattr(fused[-1], "scale_factor", None)
        if factor:
            fused[-1] = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=True)
    return net


class ReleasedNorm(nn.BatchNorm2d):
    """Batch norm as the release's fused one: a weight counts by its absolute value."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalised maps of the shape of ``x``."""
        mean, variance, weight = self.running_mean, self.running_var, self.weight.abs() + self.eps
        return F.batch_norm(x, mean, variance, weight, self.bias, self.training, self.momentum or 0.0, self.eps)


class SegFixNet(nn.Module):
    """Boundary logits ``[B, 2, H/4, W/4]`` and direction logits ``[B, 8, H/4, W/4]`` of a normalised image.

    Sides are multiples of 32. ``as_released`` is for weights that were trained with the release's batch norm.
    """

    def __init__(self, width: int, *, as_released: bool = False) -> None:
        super().__init__()
        self.backbone = trunk(width)
        self.mask_head = _head(15 * width, 2)
        self.dir_head = _head(15 * width, len(DIRECTIONS))
        for norm in [layer for layer in self.modules() if as_released and isinstance(layer, nn.BatchNorm2d)]:
            norm.__class__ = ReleasedNorm  # the same parameters under the same names

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads' logits.

        At the finest branch's size: ``[B, 2, h, w]`` of boundary or not, and one channel for each direction.
        """
        branches = self.backbone(image)
        size = (branches[0].shape[-2], branches[0].shape[-1])
        features = torch.cat([resize(branch, size, align_corners=True) for branch in branches], dim=1)
        return self.mask_head(features), self.dir_head(features)


def _head(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, MIDDLE, 1, bias=False),
        nn.BatchNorm2d(MIDDLE),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Conv2d(MIDDLE, outputs, 1, bias=False),
    )


def losses(mask: Tensor, direction: Tensor, boundary: Tensor, inside: Tensor) -> dict[str, Tensor]:
    """The two losses, each of weight 1; directions count where a boundary is both predicted and there.

    Args:
        mask: boundary logits ``[B, 2, h, w]``.
        direction: direction logits ``[B, 8, h, w]``.
        boundary: int64 ``[B, H, W]``, from ``segfix_targets.targets``.
        inside: the direction classes from there.
    """
    size = (boundary.shape[-2], boundary.shape[-1])
    mask, direction = (resize(logits, size, align_corners=True) for logits in (mask, direction))
    predicted = mask[:, 1] > mask[:, 0]
    return {
        "boundary": balanced_cross_entropy(mask, boundary),
        "direction": balanced_cross_entropy(direction, inside.masked_fill(~predicted, IGNORE)),
    }


def balanced_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which a class weighs 1 minus its share of the batch; 0 where one class or none is there.

    Logits ``[B, C, h, w]``, target int64 ``[B, h, w]``, 255 = ignore. Gives a scalar.
    """
    counts = torch.stack([(target == index).sum() for index in range(logits.shape[1])]).to(logits.dtype)
    weights = 1 - counts / counts.sum().clamp(min=1)
    total = F.cross_entropy(logits, target, weights, ignore_index=IGNORE, reduction="sum")
    return total / (weights * counts).sum().clamp(min=1)


def published_name(key: str) -> str:
    """The name in ``SegFixNet`` of a key in a published checkpoint, whose heads have one layer for norm and ReLU.

    A leading ``module.``, of data-parallel training, is dropped.
    """
    head, _, rest = key.removeprefix("module.").partition(".")
    if head in ("mask_head", "dir_head"):
        layer, _, rest = rest.partition(".")
        rest = f"{'3' if layer == '2' else layer}.{rest.removeprefix('0.')}"
    return f"{head}.{rest}"
