"""Places the wide regions of a synthetic dataset: districts, commons, forest, rock, lake, town, clouds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.synthetic.model import COMMONS, Region, Regions, Scale, World
from benchmark.data.synthetic.noise import Field, Points, Size, enlarge, smooth_noise

COARSE = 8  # wide regions are laid out on a grid of this many full-size pixels
Layer = tuple[Region, Field]  # a region lies where its field (pixels) is above zero


@dataclass(frozen=True)
class Sites:
    """Districts: their centres ``[N, 2]`` (x, y), the radius of the common of each (-inf: none), and their kind."""

    centres: Points
    radii: NDArray[np.float64]
    wild: NDArray[np.bool_]
    bare: NDArray[np.bool_]


@dataclass(frozen=True)
class Ground:
    """The coarse grid. Lengths are in pixels of the image; ``x`` and ``y`` are distorted, so that nothing is round."""

    size: Size
    step: int
    radius: float  # of a common
    x: Field
    y: Field

    def noise(self, rng: np.random.Generator, wavelength: float, octaves: int = 3) -> Field:
        """Noise whose wavelength and deviation are in units of a common's radius."""
        return smooth_noise(rng, self.size, wavelength * self.radius / self.step, octaves) * (0.2 * self.radius)

    def distance(self, centre: Points) -> Field:
        """Distance of every cell from a point (x, y), in pixels of the image."""
        return np.asarray(np.hypot(self.x - float(centre[0]), self.y - float(centre[1])), np.float32)


def lay_out(world: World, scale: Scale, rng: np.random.Generator) -> tuple[Regions, NDArray[np.bool_]]:
    """Wide regions ``[H, W]``, and a mask ``[H, W]`` of the clouds that will hide them."""
    ground = _ground(world, scale, rng)
    sites = _sites(ground, scale, rng)
    distance = np.stack([ground.distance(centre) for centre in sites.centres])
    depth = sites.radii.astype(np.float32)[:, None, None] - distance  # how far inside each common a cell lies
    layers = _district_layers(ground, sites, distance, depth, rng)
    for region, low, high, chance in ((Region.LAKE, 0.3, 0.85, 0.8), (Region.TOWN, 0.45, 0.9, 0.75)):
        if rng.random() < chance:
            field = rng.uniform(low, high) * ground.radius - ground.distance(_free_spot(ground, depth, rng))
            layers.append((region, field))
    cloud = ground.noise(rng, 0.25) - ground.radius * rng.uniform(0.6, 0.95)
    ragged = smooth_noise(rng, scale.size, max(scale.wide(40), 6), 3) * scale.fine(4)
    regions = np.zeros(scale.size, np.uint8)
    for region, field in layers:
        regions[enlarge(field, scale.size) + ragged > 0] = region
    return regions, enlarge(cloud, scale.size) + ragged > 0


def _ground(world: World, scale: Scale, rng: np.random.Generator) -> Ground:
    step = max(1, round(scale.wide(COARSE)))
    size = (math.ceil(scale.size[0] / step), math.ceil(scale.size[1] / step))
    radius = scale.wide(world.context_px)
    rows, columns = (np.arange(count, dtype=np.float32) * step + (step - 1) / 2 for count in size)
    bends = [smooth_noise(rng, size, 1.1 * radius / step, 4) * (0.13 * radius) for _ in range(2)]
    return Ground(size, step, radius, columns + bends[0], rows[:, None] + bends[1])


def _sites(ground: Ground, scale: Scale, rng: np.random.Generator) -> Sites:
    """Districts on a jittered grid; half of those inside the image are wild, chosen at random."""
    height, width = scale.size
    spacing = 2.7 * ground.radius
    columns, rows = math.ceil(width / spacing) + 2, math.ceil(height / spacing) + 2
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) - 1.0
    centres = (grid + rng.uniform(0, 1, 2) + rng.uniform(-0.15, 0.15, grid.shape)) * spacing
    inside = ((centres > 0) & (centres < (width, height))).all(axis=1)
    wild = np.zeros(len(centres), np.bool_)
    for group in (np.flatnonzero(inside), np.flatnonzero(~inside)):
        wild[rng.permutation(group)[: (len(group) + int(rng.integers(2))) // 2]] = True
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2) + np.diag(np.full(len(centres), np.inf))
    room = gaps.min(axis=1) / 2 - 0.2 * ground.radius  # leaves a rim that shows what a common belongs to
    radii = np.minimum(ground.radius * rng.uniform(0.9, 1.2, len(centres)), room)
    radii[rng.random(len(centres)) < 0.2] = -math.inf
    return Sites(centres, radii, wild, rng.random(len(centres)) < 0.4)


def _district_layers(
    ground: Ground, sites: Sites, distance: Field, depth: Field, rng: np.random.Generator
) -> list[Layer]:
    """Scrub, rock, forest and commons, in the order in which they cover each other and the fields."""
    far = np.float32(4 * ground.radius)
    nearest = [distance[sites.wild == wild].min(axis=0, initial=far) for wild in (False, True)]
    wildness = nearest[0] - nearest[1]
    rock = np.minimum(ground.noise(rng, 0.5) - 0.22 * ground.radius, wildness)
    scarcity = np.where(wildness > 0, np.float32(0.02), np.float32(0.22)) * ground.radius
    rim = 2 * np.maximum(depth.max(axis=0) + 0.35 * ground.radius, 0)  # forest would hide it
    layers = [(Region.SCRUB, wildness), (Region.ROCK, rock), (Region.FOREST, ground.noise(rng, 0.9) - scarcity - rim)]
    for wild, pair in enumerate(COMMONS):
        for bare, region in enumerate(pair):
            chosen = depth[(sites.wild == wild) & (sites.bare == bare)]
            layers.append((region, chosen.max(axis=0, initial=-far)))
    return layers


def _free_spot(ground: Ground, depth: Field, rng: np.random.Generator) -> Points:
    """A point (x, y) away from the commons: the best of six."""
    rows, columns = rng.integers(0, ground.size[0], 6), rng.integers(0, ground.size[1], 6)
    best = int(np.argmin(depth[:, rows, columns].max(axis=0)))
    place = rows[best], columns[best]
    return np.array([ground.x[place], ground.y[place]], np.float64)
