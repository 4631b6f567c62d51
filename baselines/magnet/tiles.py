"""MagNet's tiles: where they lie at a scale, cutting them, pasting refined ones on a canvas."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import roi_align

from baselines.common import opencv_resize
from benchmark.inference import resize, window_starts

Size = tuple[int, int]  # height, width
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Tile:
    """Rows ``top:bottom`` and columns ``left:right`` of a map."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def box(self) -> Box:
        """As RoIAlign takes it."""
        return self.left, self.top, self.right, self.bottom

    def of(self, maps: Tensor) -> Tensor:
        """This part of ``[..., H, W]``, as a view."""
        return maps[..., self.top : self.bottom, self.left : self.right]

    def inside(self, border: int) -> Tile:
        """The tile without ``border`` pixels on each side."""
        return Tile(self.top + border, self.left + border, self.bottom - border, self.right - border)


def tiles_of(size: Size, tile: Size) -> list[Tile]:
    """Tiles that cover a map, column by column as in the release.

    Where they do not fit evenly the last ones are moved back to the border; the release spreads the overlap instead.
    """
    height, width = (min(side, full) for side, full in zip(tile, size, strict=True))
    corners = itertools.product(window_starts(size[1], width, 0), window_starts(size[0], height, 0))
    return [Tile(top, left, top + height, left + width) for left, top in corners]


def aligned(maps: Tensor, boxes: Sequence[Box], size: Size) -> Tensor:
    """Parts ``[n, C, h, w]`` of one image's maps ``[1, C, H, W]`` at ``size``, by RoIAlign as in the release.

    Its boxes are half a pixel off (``aligned=False``), and so are these.

    Boxes are (left, top, right, bottom) in pixels of ``maps`` and may be fractional.
    """
    parts: Tensor = roi_align(maps, [maps.new_tensor(boxes)], output_size=size)
    return parts


def resized(image: Tensor, size: Size) -> Tensor:
    """Bilinear resize of an image ``[B, 3, H, W]`` in whole 1/255, as the release resizes bytes with OpenCV."""
    return image if image.shape[-2:] == size else opencv_resize.bilinear(image, size)


class Canvas:
    """Refined probabilities of a whole scale.

    Args:
        like: maps ``[1, C, H, W]`` of that scale.
        border: pixels at each side of a tile that do not count as refined.
        averaged: overlapping tiles are averaged. Not so in the release: it overwrites what lies below, then divides
            by the number of tiles, which halves a probability under two of them.
    """

    def __init__(self, like: Tensor, border: int, *, averaged: bool) -> None:
        self.maps = torch.zeros_like(like)
        self.count = like.new_zeros(like.shape[-2:])
        self.border = border
        self.averaged = averaged

    def paste(self, tile: Tile, probabilities: Tensor) -> None:
        """Put a tile's probabilities ``[1, C, h, w]``, at any size, in its place."""
        place = tile.of(self.maps)
        enlarged = resize(probabilities, tile.size)
        if self.averaged:
            place += enlarged
        else:
            place.copy_(enlarged)
        tile.inside(self.border).of(self.count).add_(1)

    def finished(self) -> tuple[Tensor, Tensor]:
        """The probabilities ``[1, C, H, W]``, zero where no tile lies, and which pixels are refined, ``[H, W]``."""
        return self.maps.div_(self.count.clamp(min=1)), self.count > 0
