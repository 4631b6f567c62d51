"""Training of MagNet's refinement modules: one random tile of each image against the entire image at low resolution."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.magnet.refinement import hard_cross_entropy
from baselines.magnet.settings import Settings
from baselines.magnet.tiles import Box, Size, Tile, aligned, resized
from benchmark.card import Card

LEAST = 100_000  # pixels of a batch of tiles of the paper's size that the loss keeps


class Trained(Protocol):
    """What the training of the refinement modules needs to know of a MagNet."""

    card: Card
    settings: Settings
    refinement: nn.ModuleList
    tile: Size  # of the scaled image
    input: Size  # of what the backbone sees

    def probabilities(self, image: Tensor) -> Tensor:
        """The backbone's probabilities ``[B, C, *input]`` of images ``[B, 3, H, W]`` of any size."""


def refinement_losses(system: Trained, image: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Loss of every refinement module by the side of its scale in percent; a shared one draws a scale for each image.

    Args:
        system: a MagNet in its stage "refinement".
        image: whole images ``[B, 3, H, W]``.
        target: their labels ``[B, H, W]``.
    """
    scales = system.settings.scales[1:]
    shared = len(system.refinement) == 1
    with torch.no_grad():
        coarse = system.probabilities(image)
    losses = {}
    for scale, module in zip(scales, system.refinement, strict=False):
        drawn = [scales[_random(len(scales))] if shared else scale for _ in image]
        tiles = [random_tile(system, image[[b]], target[[b]], scale) for b, scale in enumerate(drawn)]
        labels = torch.cat([label for _, label, _ in tiles])
        with torch.no_grad():
            fine = system.probabilities(torch.cat([tile for tile, _, _ in tiles]))
            seen = torch.cat([aligned(coarse[[b]], [box], system.input) for b, (*_, box) in enumerate(tiles)])
        # the release trains with the maps in the order opposite to the one that it infers with
        logits = module(fine, seen) if system.settings.as_intended else module(seen, fine)
        name = "refinement" if shared else f"refinement_{scale:g}"
        losses[name] = hard_cross_entropy(logits, labels, round(LEAST * system.card.ratio**2))
    return losses


def random_tile(system: Trained, image: Tensor, target: Tensor, scale: float) -> tuple[Tensor, Tensor, Box]:
    """A random tile of one image at a scale, at the input's size; its labels; its box on the map of the whole image."""
    size: Size = (round(image.shape[-2] * scale), round(image.shape[-1] * scale))
    height, width = (min(side, full) for side, full in zip(system.tile, size, strict=True))
    top, left = _random(size[0] - height + 1), _random(size[1] - width + 1)
    tile = Tile(top, left, top + height, left + width)
    labels = F.interpolate(tile.of(F.interpolate(target[:, None].float(), size)), system.input)
    down, across = system.input[0] / size[0], system.input[1] / size[1]
    box = (left * across, top * down, tile.right * across, tile.bottom * down)
    return resized(tile.of(resized(image, size)), system.input), labels[:, 0].long(), box


def _random(below: int) -> int:
    return int(torch.randint(below, ()))
