"""One image of a synthetic dataset with its regions, as a pure function of world, index and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.base import Image, Label
from benchmark.data.synthetic.layout import lay_out
from benchmark.data.synthetic.lines import draw_thin
from benchmark.data.synthetic.model import CLASS_OF, COMMONS, THIN, Region, Regions, Scale, World
from benchmark.data.synthetic.noise import Size
from benchmark.data.synthetic.render import paint
from benchmark.errors import UserError

VERSION = 1  # raise it when a change makes the same arguments give other pixels
MIN_SIDE = 64


@dataclass(frozen=True)
class Scene:
    """An image uint8 RGB ``[H, W, 3]`` and its regions uint8 ``[H, W]`` (values of ``Region``)."""

    image: Image
    regions: Regions

    @property
    def label(self) -> Label:
        """DeepGlobe's class indices ``[H, W]``."""
        return CLASS_OF[self.regions]

    @property
    def thin(self) -> NDArray[np.bool_]:
        """Where rivers, roads outside town and lone buildings are."""
        return np.isin(self.regions, THIN)

    @property
    def lookalike(self) -> NDArray[np.bool_]:
        """Where only the surroundings tell the class."""
        return np.isin(self.regions, COMMONS)


def scene(world: World, index: int, size: Size) -> Scene:
    """The image ``index`` of a world at ``size`` (height, width).

    The same arguments give the same bytes, whatever was generated before. On another machine or with other versions of
    NumPy and OpenCV the last bit of a float may differ and move a border by a pixel.

    Raises:
        UserError: a side is shorter than 64 pixels.
    """
    if min(size) < MIN_SIDE:
        raise UserError(f"size {size[0]}x{size[1]}: each side of a synthetic image must be at least {MIN_SIDE} pixels")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([world.seed, index, *size])))
    scale = Scale(size)
    regions, cloud = lay_out(world, scale, rng)
    buildings = draw_thin(world, scale, rng, regions)
    regions[cloud] = Region.CLOUD
    return Scene(paint(regions, buildings, scale, rng), regions)
