"""Patches of an image: where they lie, cutting them in batches, and merging a net's results on the device.

A batch of patches of images ``[B, ...]`` is ``[n * B, ...]``: all images of the first patch, then of the second.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Corner = tuple[int, int]  # top, left
BUDGET_MIB = {"cpu": 256.0, "cuda": 4096.0}  # for the maps of patches that go through a net together; more slows a CPU


def glnet_grid(side: int, patch: int, least_overlap: int) -> list[int]:
    """Starts of GLNet's patches along one side (``get_patch_info`` and ``global2patch`` of its ``helper.py``).

    The fewest evenly spread patches that cover the side and overlap by ``least_overlap`` or more; starts are rounded,
    the last patch ends at the border. A side that is no longer than the patch has one patch (the release divides by 0).

    Raises:
        ValueError: the overlap is not smaller than the patch.
    """
    if side <= patch:
        return [0]
    if not 0 <= least_overlap < patch:
        raise ValueError(f"overlap {least_overlap} must be at least 0 and smaller than the patch {patch}")
    count = -(-(side - patch) // (patch - least_overlap)) + 1
    return [*(round(index * ((side - patch) / (count - 1))) for index in range(count - 1)), side - patch]


@dataclass(frozen=True)
class Grid:
    """Patches of one size on a map of ``size`` (height, width), row by row."""

    size: tuple[int, int]
    patch: tuple[int, int]
    corners: tuple[Corner, ...]

    @classmethod
    def of(cls, size: tuple[int, int], patch: int, starts: Callable[[int, int], Sequence[int]]) -> Grid:
        """Square patches, no larger than the image, at ``starts(side, patch)`` along each side.

        Patches are numbered row by row, from the top left corner.
        """
        height, width = (min(patch, side) for side in size)
        corners = itertools.product(starts(size[0], height), starts(size[1], width))
        return cls(size, (height, width), tuple(corners))

    @classmethod
    def glnet(cls, image: Tensor, patch: int, least_overlap: int) -> Grid:
        """GLNet's patches of an image ``[B, 3, H, W]``."""
        size = (image.shape[-2], image.shape[-1])
        return cls.of(size, patch, lambda side, length: glnet_grid(side, length, least_overlap))

    def __len__(self) -> int:
        return len(self.corners)

    def on(self, size: tuple[int, int]) -> Grid:
        """The same patches on a map of another size, such as a feature map of the reduced image.

        Sides and corners are scaled and rounded each (``_crop_global`` of GLNet); no patch leaves the map.
        """
        if size == self.size:
            return self
        height, width = (
            max(1, round(side * (patch / full))) for side, patch, full in zip(size, self.patch, self.size, strict=True)
        )
        corners = tuple(
            (
                min(round(size[0] * (top / self.size[0])), size[0] - height),
                min(round(size[1] * (left / self.size[1])), size[1] - width),
            )
            for top, left in self.corners
        )
        return Grid(size, (height, width), corners)

    def batches(self, count: int) -> Iterator[list[int]]:
        """The patches' numbers, ``count`` at a time."""
        numbers = range(len(self.corners))
        return (list(numbers[first : first + count]) for first in range(0, len(numbers), count))

    def window(self, number: int) -> tuple[slice, slice]:
        """Rows and columns of one patch."""
        top, left = self.corners[number]
        return slice(top, top + self.patch[0]), slice(left, left + self.patch[1])

    def crops(self, maps: Tensor, numbers: Sequence[int]) -> Tensor:
        """Patches ``[n * B, C, h, w]`` of maps ``[B, C, H, W]``."""
        return torch.cat([maps[..., rows, columns] for rows, columns in map(self.window, numbers)])

    def add(self, canvas: Tensor, patches: Tensor, numbers: Sequence[int]) -> None:
        """Add patches ``[n * B, C, h, w]`` in place to a canvas ``[B, C, H, W]``.

        ``patches`` hold all images of the first patch, then all of the second, as :meth:`crops` gives them.
        """
        for number, patch in zip(numbers, torch.split(patches, canvas.shape[0]), strict=True):
            rows, columns = self.window(number)
            canvas[..., rows, columns] += patch

    def coverage(self, like: Tensor) -> Tensor:
        """How many patches cover each pixel, ``[1, 1, H, W]``, with the type and device of ``like``.

        Summed patches divided by it are their mean.
        """
        count = like.new_zeros(1, 1, *self.size)
        for rows, columns in map(self.window, range(len(self.corners))):
            count[..., rows, columns] += 1
        return count


def patches_at_once(device: torch.device, mib_per_pixel: float, patch: tuple[int, int]) -> int:
    """How many patches (height, width) go through a net together within the device's budget, at least one.

    ``mib_per_pixel`` is what the net takes at its peak for one pixel of a patch.

    A device type without a budget of its own gets that of CUDA.
    """
    budget = BUDGET_MIB.get(device.type, BUDGET_MIB["cuda"])
    return max(1, int(budget // (mib_per_pixel * patch[0] * patch[1])))
