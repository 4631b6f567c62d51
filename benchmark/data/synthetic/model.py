"""The parameters of a synthetic dataset, its regions and their classes, and its scale.

Two things make it a task for ultra-high-resolution nets. Rivers, roads and lone buildings are a few pixels wide, so
a reduced image loses them. And commons, wide areas of grass or bare soil, look the same everywhere, but they belong to
agriculture among fields, and to rangeland or barren land among scrub; the nearest sign of which it is can be
``context_px`` away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from benchmark.data.synthetic.noise import Size
from benchmark.errors import UserError

FULL_SIDE = 2448  # DeepGlobe's image side
MIN_CONTEXT_PX = 100

Regions = NDArray[np.uint8]  # [H, W], values of Region


@dataclass(frozen=True)
class World:
    """Parameters of a synthetic dataset.

    ``context_px`` is in pixels of a 2448-pixel image and scales with the image. ``thin_px`` is in pixels of the image
    itself, whatever its size: at a quarter of the size, a line narrower than four pixels is lost. Most thin things are
    near the lower bound.

    Raises:
        UserError: a parameter is out of range.
    """

    seed: int = 0
    thin_px: tuple[float, float] = (2.0, 5.0)  # narrowest and widest river, road or lone building
    context_px: float = 400.0  # from the middle of a look-alike region to the nearest sign of its class

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"seed {self.seed} of a synthetic dataset: it must be 0 or more")
        if not 1 <= self.thin_px[0] <= self.thin_px[1]:
            raise UserError(f"thin_px {self.thin_px} of a synthetic dataset: narrowest (1 or more), then widest")
        if self.context_px < MIN_CONTEXT_PX:
            raise UserError(f"context_px {self.context_px} of a synthetic dataset: at least {MIN_CONTEXT_PX}")


class Region(IntEnum):
    """What covers a pixel. Commons come in pairs that look alike: pasture and steppe, fallow and badland."""

    FIELD = 0
    SCRUB = 1
    PASTURE = 2
    STEPPE = 3
    FALLOW = 4
    BADLAND = 5
    FOREST = 6
    LAKE = 7
    TOWN = 8
    STREET = 9
    ROCK = 10
    CLOUD = 11
    RIVER = 12
    ROAD = 13
    BUILDING = 14


CLASS_OF = np.array([2, 3, 2, 3, 2, 6, 4, 5, 1, 1, 6, 0, 5, 1, 1], np.uint8)  # DeepGlobe's class of each region
THIN = (Region.RIVER, Region.ROAD, Region.BUILDING)
COMMONS = ((Region.PASTURE, Region.FALLOW), (Region.STEPPE, Region.BADLAND))  # [wild][bare]


@dataclass(frozen=True)
class Scale:
    """Turns pixels of a 2448-pixel image into pixels of an image of ``size`` (height, width)."""

    size: Size

    @property
    def ratio(self) -> float:
        """Smaller side over 2448."""
        return min(self.size) / FULL_SIDE

    def wide(self, pixels: float) -> float:
        """A length of the layout: it shrinks with the image."""
        return pixels * self.ratio

    def fine(self, pixels: float) -> float:
        """A length of a texture: it shrinks with the square root, or a small image would have no textures."""
        return pixels * math.sqrt(self.ratio)
