"""GLNet's two branches and the maps that they exchange (``models/fpn_global_local_fmreg_ensemble.py`` of the release).

"Global" is the image reduced to 508x508, "local" its patches. Maps of the global branch are cropped for a patch; maps
of all patches are reduced and merged to the size of the global branch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from baselines.common import pillow_resize
from baselines.common.patches import Grid
from baselines.common.resnet_fpn import FPN, Maps, ResNet50, initialise
from benchmark.inference import resize

FEATURES = 512  # channels of ps3


class Seen(NamedTuple):
    """The results of a branch."""

    maps: Maps
    features: Tensor  # ps3, [B, 512, h, w]
    logits: Tensor  # [B, C, h, w]


class GlobalBranch(nn.Module):
    """The global branch by itself: 28,064,839 parameters for seven classes."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.resnet_global = ResNet50()
        self.fpn_global = FPN(num_classes)

    def alone(self, image: Tensor) -> Seen:
        """The branch without the patches' maps. ``image``: ``[B, 3, h, w]``.

        Gives its maps, ps3 ``[B, 512, h/4, w/4]`` and logits of that size.
        """
        maps = self.fpn_global.pyramid(self.resnet_global(image))
        features = self.fpn_global.features(maps)
        return Seen(maps, features, self.fpn_global.classify(features))


class GLNet(GlobalBranch):
    """Both branches and the ensemble: 79,200,917 parameters for seven classes."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.resnet_local = ResNet50()
        self.fpn_global_ext = FPN(None, doubled=True)
        self.fpn_local = FPN(num_classes, doubled=True)
        self.ensemble_conv = nn.Conv2d(2 * FEATURES, num_classes, 3, padding=1)
        initialise(self.ensemble_conv)

    def local(self, patches: Tensor, cropped: Maps) -> Seen:
        """The local branch on patches ``[n, 3, h, w]`` with the global branch's maps, cropped to them.

        Gives its maps, ps3 ``[n, 512, h/4, w/4]`` and logits of that size.
        """
        maps = self.fpn_local.pyramid(self.resnet_local(patches), cropped)
        features = self.fpn_local.features(maps, cropped)
        return Seen(maps, features, self.fpn_local.classify(features))

    def helped(self, image: Tensor, merged: Maps) -> Seen:
        """The global branch with the merged maps of all patches.

        Only the pyramid is another one: trunk and classifier are those of :meth:`alone`.
        """
        maps = self.fpn_global_ext.pyramid(self.resnet_global(image), merged)
        features = self.fpn_global_ext.features(maps, merged)
        return Seen(maps, features, self.fpn_global.classify(features))

    def ensemble(self, local: Tensor, cropped: Tensor) -> Tensor:
        """Logits of patches from their ps3 ``[n, 512, h, w]`` and the global branch's, cropped and enlarged here."""
        logits: Tensor = self.ensemble_conv(torch.cat([local, resize(cropped, _size(local))], dim=1))
        return logits


def squared(image: Tensor, side: int) -> Tensor:
    """The input of the global branch: the whole image ``[B, 3, H, W]`` as a square, whatever its shape, by Pillow."""
    return pillow_resize.bilinear(image, (side, side))


def cropped(maps: Tensor, grid: Grid, numbers: Sequence[int]) -> Tensor:
    """The parts ``[n, C, h, w]`` of a global map ``[1, C, H, W]`` that patches of the image's grid lie on."""
    return grid.on(_size(maps)).crops(maps, numbers)


def cropped_maps(maps: Maps, grid: Grid, numbers: Sequence[int]) -> Maps:
    """All global maps, cropped for patches."""
    return maps.each(lambda level: cropped(level, grid, numbers))


class Merge:
    """Maps of patches, summed as they come on canvases of the global maps' sizes.

    Overlaps are divided by the number of patches at a pixel, reduced to the canvas like any map: an approximation of
    the release's.
    """

    def __init__(self, grid: Grid, like: Maps) -> None:
        self.grid = grid
        self.canvases = like.each(torch.zeros_like)

    def add(self, maps: Maps, numbers: Sequence[int]) -> None:
        """Add the maps ``[n, C, h, w]`` of some patches.

        Each is resized to the size that its patch has on the canvas.
        """
        for canvases, levels in zip(self.canvases, maps, strict=True):
            for canvas, level in zip(canvases, levels, strict=True):
                grid = self.grid.on(_size(canvas))
                grid.add(canvas, resize(level, grid.patch), numbers)

    def result(self) -> Maps:
        """The merged maps, once all patches have been added; the canvases are used up."""
        count = self.grid.coverage(self.canvases.stages[0])
        return self.canvases.each(lambda canvas: canvas.div_(resize(count, _size(canvas))))


def _size(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]
