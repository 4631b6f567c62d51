"""SegFix on a base: pixels on a predicted boundary take the label that is found a few pixels further inside."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.common.losses import padded_pair
from baselines.common.refiner import Refiner
from baselines.segfix.net import MULTIPLE, SegFixNet, losses
from baselines.segfix.targets import DIRECTIONS, targets
from benchmark.card import Card
from benchmark.inference import labels_from, pad_to, resize
from benchmark.parts import part
from benchmark.published import load_all
from benchmark.system import System

STAY = len(DIRECTIONS)  # off the boundaries


class SegFixSystem(Refiner):
    """A net of its own on the whole image, and the base's labels moved along its directions.

    Args:
        card: its sizes hold ``max_distance`` and ``offset``.
        width: channels of HRNet's first branch.
        as_released: what the published files want: blue first, batch norm as theirs; and labels interpolated and
            rounded as the release's script does.
    """

    own_stages = ("segfix",)

    def __init__(self, card: Card, num_classes: int, base: System, width: int, *, as_released: bool = False) -> None:
        super().__init__(card, num_classes, base)
        self.net = SegFixNet(width, as_released=as_released)
        self.as_released = as_released

    def seen(self, image: Tensor) -> Tensor:
        """The image as SegFix's net takes it."""
        return self.normalised(image.flip(1) if self.as_released else image)

    def directions(self, image: Tensor) -> Tensor:
        """Direction classes uint8 ``[B, H, W]`` of an image ``[B, 3, H, W]``; 8 off the predicted boundaries."""
        full = pad_to(image, MULTIPLE)
        size = (full.shape[-2], full.shape[-1])
        mask, direction = self.net(self.seen(full))
        boundary = resize(mask.softmax(dim=1)[:, 1:], size, align_corners=True)[:, 0] > 0.5
        found = labels_from(direction, size, align_corners=True).masked_fill_(~boundary, STAY)
        return found[..., : image.shape[-2], : image.shape[-1]]

    def refined(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]``, those of the base moved along the directions from whole pixels.

        ``predict`` moves labels, and as released interpolates them: of logits there is no such form.
        """
        size = (image.shape[-2], image.shape[-1])
        self.work["passes"] += 1
        coarse = self.base.enlarged(coarse, size)
        return moved(coarse, self.directions(image), self.card.sizes["offset"])

    def predict(self, image: Tensor) -> Tensor:
        """Labels uint8 ``[B, H, W]``: the base's labels, moved.

        ``self.work`` has the base's counts and one more pass.
        """
        with part("base"):
            labels = self.base.predict(image)[:, None]
        self.work = {**self.base.work, "passes": self.base.work["passes"] + 1}
        move = sampled if self.as_released else moved
        return move(labels, self.directions(image), self.card.sizes["offset"])[:, 0]

    def own_loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Balanced cross-entropy of boundaries and of directions.

        The truth comes from distances to the label boundaries, up to the card's ``max_distance`` in pixels.
        """
        image, target = padded_pair(image, target, MULTIPLE)
        mask, direction = self.net(self.seen(image))
        boundary, inside = targets(target, self.card.sizes["max_distance"])
        return losses(mask, direction, boundary, inside)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the trunk from OpenMMLab's HRNet file; any other one is the base's.

        Raises:
            ValueError: the file is of another net.
        """
        try:
            load_all(self.net.backbone, state)
        except ValueError:
            super().load_imagenet(state)


def moved(maps: Tensor, directions: Tensor, length: int) -> Tensor:
    """Each pixel's value from ``length`` steps along its direction; the border stands for what lies outside.

    Args:
        maps: labels or logits ``[B, C, H, W]``.
        directions: uint8 ``[B, H, W]``, of ``DIRECTIONS``; 8 = stay.
        length: steps, of sqrt(2) pixels on a diagonal.
    """
    rows, columns = _destinations(directions, length)
    height, width = maps.shape[-2:]
    index = rows.clamp_(0, height - 1).mul_(width).add_(columns.clamp_(0, width - 1))
    index = index.flatten(1)[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).view_as(maps)


def sampled(labels: Tensor, directions: Tensor, length: int) -> Tensor:
    """As :func:`moved` by the release's script: interpolated between labels and rounded, which can make new ones.

    The script's coordinates are for aligned corners, which torch's ``grid_sample`` assumed until 1.2 and no longer
    does: with any later torch it also shifts every pixel by up to a half.
    """
    height, width = labels.shape[-2:]
    rows, columns = _destinations(directions, length)
    grid = torch.stack([columns * 2 / max(1, width - 1), rows * 2 / max(1, height - 1)], dim=-1) - 1
    found = F.grid_sample(labels.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.round().to(labels.dtype)


def _destinations(directions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Rows and columns int64 ``[B, H, W]`` that the directions lead to, also outside the image."""
    height, width = directions.shape[-2:]
    vectors = torch.tensor((*DIRECTIONS, (0, 0)), device=directions.device) * length
    down, right = vectors[directions.int()].unbind(-1)
    rows = down + torch.arange(height, device=directions.device)[:, None]
    return rows, right + torch.arange(width, device=directions.device)
