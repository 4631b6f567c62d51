"""Draws the thin things of a synthetic dataset into a map of regions: rivers, roads and lone buildings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmark.data.synthetic.model import Region, Regions, Scale, World
from benchmark.data.synthetic.noise import Points, fill, fill_ribbon, rectangle, winding_line

NOT_BUILT_ON = (Region.LAKE, Region.TOWN, Region.STREET, Region.RIVER, Region.ROAD)


def draw_thin(world: World, scale: Scale, rng: np.random.Generator, regions: Regions) -> tuple[Points, ...]:
    """Draw rivers, roads and buildings into ``regions`` in place; returns the corners ``[4, 2]`` of the buildings."""
    lines = np.zeros_like(regions)
    for _ in range(int(rng.integers(2, 4))):
        fill_ribbon(lines, winding_line(rng, scale.size, 0.16), int(Region.RIVER), _width(world, rng))
    roads = [winding_line(rng, scale.size, rng.uniform(0.0, 0.07)) for _ in range(int(rng.integers(4, 8)))]
    for road in roads:
        fill_ribbon(lines, road, int(Region.ROAD), _width(world, rng))
    rows, columns = np.nonzero(lines)
    below, drawn = regions[rows, columns], lines[rows, columns]
    drawn[(below == Region.TOWN) & (drawn == Region.ROAD)] = Region.STREET
    regions[rows, columns] = np.where(below == Region.LAKE, below, drawn)
    return _draw_buildings(world, scale, rng, regions, roads)


def _width(world: World, rng: np.random.Generator) -> float:
    low, high = world.thin_px
    return float(low * (high / low) ** (rng.random() ** 3))


def _draw_buildings(
    world: World, scale: Scale, rng: np.random.Generator, regions: Regions, roads: Sequence[Points]
) -> tuple[Points, ...]:
    """Hamlets, half of them by a road; nothing in lakes, in town or on the thin things drawn before."""
    drawn = []
    for centre, angle in _hamlets(scale, rng, roads):
        for _ in range(int(rng.integers(6, 24))):
            sides = _width(world, rng), _width(world, rng)
            place = centre + rng.standard_normal(2) * scale.fine(45)
            turn = angle + math.pi / 2 * int(rng.integers(2)) + rng.normal(0, 0.1)
            row, column = int(place[1]), int(place[0])
            inside = 0 <= row < scale.size[0] and 0 <= column < scale.size[1]
            if inside and regions[row, column] not in NOT_BUILT_ON:
                corners = rectangle(place, sides, turn)
                fill(regions, corners, int(Region.BUILDING))
                drawn.append(corners)
    return tuple(drawn)


def _hamlets(scale: Scale, rng: np.random.Generator, roads: Sequence[Points]) -> list[tuple[Points, float]]:
    """Centre (x, y) and direction of each hamlet."""
    height, breadth = scale.size
    on_roads = np.concatenate(roads)
    on_roads = on_roads[((on_roads > 0) & (on_roads < (breadth, height))).all(axis=1)]
    places = []
    for index in range(int(rng.integers(14, 28))):
        centre = rng.uniform(0, 1, 2) * (breadth, height)
        if index % 2 and len(on_roads):
            centre = on_roads[int(rng.integers(len(on_roads)))]
        places.append((centre, rng.uniform(0, math.pi)))
    return places
