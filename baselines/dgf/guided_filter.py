"""Guided filter (He, Sun, Tang, TPAMI 2013) and the deep guided filter (Wu et al., CVPR 2018) on a base."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common.losses import cross_entropy
from baselines.common.refiner import Refiner
from benchmark.card import Card
from benchmark.inference import resize
from benchmark.system import System

EPSILON = 1e-2  # added to the guide's variance, as in the authors' segmentation net
HIDDEN = 64  # channels between the two convolutions of the guide
STRIP = 128  # rows


def box_mean(maps: Tensor, radius: int) -> Tensor:
    """Means of ``[B, C, H, W]`` over windows of side ``2 radius + 1``; at the border, over what of them is inside.

    Short sums, where the authors' cumulative ones lose 1e-4 on 5000x5000 in float32.
    """
    side = 2 * radius + 1
    rows = F.avg_pool2d(maps, (1, side), stride=1, padding=(0, radius), count_include_pad=False)
    return F.avg_pool2d(rows, (side, 1), stride=1, padding=(radius, 0), count_include_pad=False)


def local_lines(guide: Tensor, maps: Tensor, radius: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Slope and offset of the ridge regression of ``maps`` on ``guide`` in each window, all ``[B, C, H, W]``.

    Eqs. 5 and 6 of He et al., "Guided Image Filtering"; ``radius`` is in pixels.
    """
    guide_mean, maps_mean = box_mean(guide, radius), box_mean(maps, radius)
    covariance = box_mean(guide * maps, radius) - guide_mean * maps_mean
    variance = box_mean(guide * guide, radius) - guide_mean * guide_mean
    slope = covariance / (variance + epsilon)
    return slope, maps_mean - slope * guide_mean


def guided_filter(guide: Tensor, maps: Tensor, radius: int, epsilon: float = EPSILON) -> Tensor:
    """``maps`` redrawn with the edges of ``guide``, both ``[B, C, H, W]``: the mean of the lines through a pixel."""
    slope, offset = local_lines(guide, maps, radius, epsilon)
    return box_mean(slope, radius) * guide + box_mean(offset, radius)


def fast_guided_filter(
    guide: Tensor, small_guide: Tensor, small_maps: Tensor, radius: int, epsilon: float = EPSILON
) -> Tensor:
    """The lines of the small maps ``[B, C, h, w]``, enlarged and applied to ``guide`` ``[B, C, H, W]``.

    ``radius`` is in pixels of the small maps (He and Sun, "Fast Guided Filter", 2015).
    """
    size = (guide.shape[-2], guide.shape[-1])
    slope, offset = local_lines(small_guide, small_maps, radius, epsilon)
    return resize(slope, size, align_corners=True) * guide + resize(offset, size, align_corners=True)


class DeepGuidedFilter(Refiner):
    """A guide for each class, learnt from the full-size image, redraws the base's logits.

    Args:
        fast: the lines are found on the base's map; otherwise on the enlarged map, as the authors' net does.
    """

    own_stages = ("guide",)

    def __init__(self, card: Card, num_classes: int, base: System, *, fast: bool) -> None:
        super().__init__(card, num_classes, base)
        self.guide = nn.Sequential(nn.Conv2d(3, HIDDEN, 1), nn.ReLU(inplace=True), nn.Conv2d(HIDDEN, num_classes, 1))
        self.fast = fast

    def refined(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]``. Class by class: a dozen maps at a time instead of a dozen times C."""
        radius, size = self.card.sizes["radius"], (image.shape[-2], image.shape[-1])
        guides, maps = self.guides(image), torch.split(coarse, 1, dim=1)
        if self.fast:
            small = self.guides(resize(image, (coarse.shape[-2], coarse.shape[-1])))
            filtered = [fast_guided_filter(*three, radius) for three in zip(guides, small, maps, strict=True)]
        else:
            filtered = [
                guided_filter(guide, resize(one, size, align_corners=True), radius)
                for guide, one in zip(guides, maps, strict=True)
            ]
        return torch.cat(filtered, dim=1)

    def guides(self, image: Tensor) -> tuple[Tensor, ...]:
        """A guide ``[B, 1, H, W]`` for each class, made in strips: the hidden channels are three times the classes."""
        strips = [self.guide(strip) for strip in torch.split(image, STRIP, dim=2)]
        return torch.split(torch.cat(strips, dim=2), 1, dim=1)

    def own_loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of the filtered logits."""
        return {"cross_entropy": cross_entropy(self(image), target)}
