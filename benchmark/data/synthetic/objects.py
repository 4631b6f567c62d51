"""Paints things that have no class of their own: parcels with hedges, streets and houses of a town, roofs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.data.base import Colour
from benchmark.data.synthetic.model import Region, Regions, Scale
from benchmark.data.synthetic.noise import Field, Points, fill, fill_ribbon, rectangle

Canvas = NDArray[np.uint8]  # [H, W, 3], RGB
CROPS = ((74, 98, 54), (88, 108, 60), (104, 118, 66), (122, 124, 76), (146, 136, 94), (158, 136, 104), (132, 112, 82))
ROOFS = ((206, 202, 194), (186, 176, 164), (156, 150, 144), (168, 122, 100), (124, 136, 150), (224, 222, 216))
SHADOW, TREE, STREET = (46, 46, 38), (50, 62, 40), (170, 160, 140)


def paint_parcels(canvas: Canvas, regions: Regions, angle: float, scale: Scale, rng: np.random.Generator) -> Field:
    """Paint crops, hedges and trees into the fields, in place; returns the brightness ``[H, W]`` of plough lines."""
    field = regions == Region.FIELD
    crops = np.zeros_like(canvas)
    crops[:] = (92, 96, 62)
    ploughed = np.zeros(field.shape, np.uint8)
    for corners in _parcels(angle, scale, rng):
        fill(crops, corners, _one_of(CROPS, rng))
        fill(ploughed, corners, int(rng.integers(3)))
        if rng.random() < 0.3:
            _paint_hedge(crops, corners, scale, rng)
    np.copyto(canvas, crops, where=field[..., None])
    ploughed[~field] = 0
    return _plough_lines(ploughed, angle, scale)


def _parcels(angle: float, scale: Scale, rng: np.random.Generator) -> Iterator[Points]:
    """Corners ``[4, 2]`` of parcels in strips turned by ``angle`` that cover the image."""
    height, width = scale.size
    reach = math.hypot(height, width) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    gap = scale.fine(2)
    top = -reach
    while top < reach:
        bottom, left = top + scale.wide(rng.uniform(90, 240)), -reach - scale.wide(rng.uniform(0, 200))
        while left < reach:
            right = left + scale.wide(rng.uniform(90, 340))
            box = [(left, top), (right - gap, top), (right - gap, bottom - gap), (left, bottom - gap)]
            corners = np.array(box) @ turn + (width / 2, height / 2)
            if (corners.max(axis=0) > 0).all() and (corners.min(axis=0) < (width, height)).all():
                yield corners
            left = right
        top = bottom


def _paint_hedge(crops: Canvas, corners: Points, scale: Scale, rng: np.random.Generator) -> None:
    """Trees with their shadows along one side of a parcel."""
    start, end = corners[0], corners[1 if rng.random() < 0.5 else 3]
    for share in rng.random(int(rng.integers(3, 14))):
        centre = start + (end - start) * share + rng.normal(0, scale.fine(3), 2)
        radius = max(1, round(scale.fine(rng.uniform(4, 10))))
        for colour, offset in ((SHADOW, scale.fine(4)), (TREE, 0.0)):
            cv2.circle(crops, (int(centre[0] + offset), int(centre[1] + offset)), radius, colour, cv2.FILLED)


def _plough_lines(ploughed: NDArray[np.uint8], angle: float, scale: Scale) -> Field:
    height, width = scale.size
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    pitch = 2 * math.pi / max(scale.fine(8), 3)
    total = np.zeros(scale.size, np.float32)
    for code, turned in ((1, angle), (2, angle + math.pi / 2)):
        phase = rows * (pitch * math.cos(turned)) - columns * (pitch * math.sin(turned))
        total += np.where(ploughed == code, np.sin(phase) * 0.035, np.float32(0))
    return total


def paint_town(canvas: Canvas, regions: Regions, angle: float, scale: Scale, rng: np.random.Generator) -> None:
    """Paint streets and houses into the town, in place."""
    inside = regions == Region.TOWN
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    town = np.ascontiguousarray(canvas[box])
    _paint_blocks(town, angle, scale, rng)
    np.copyto(canvas[box], town, where=inside[box][..., None])


def _paint_blocks(town: Canvas, angle: float, scale: Scale, rng: np.random.Generator) -> None:
    """Streets around blocks of lots, and a house on most lots, all over ``town``."""
    size = np.array([town.shape[1], town.shape[0]])
    reach, lot, block = math.hypot(*size) / 2, scale.fine(24), 4
    forward = np.array([math.cos(angle), math.sin(angle)])
    aside = np.array([-forward[1], forward[0]])
    count = math.ceil(reach / lot)
    for index in range(-count, count + 1, block):
        for along, across in ((forward, aside), (aside, forward)):
            middle = size / 2 + across * index * lot
            fill_ribbon(town, np.stack([middle - along * reach, middle + along * reach]), STREET, scale.fine(9))
    houses = []
    for i, j in itertools.product(range(-count, count + 1), repeat=2):
        centre = size / 2 + (forward * i + aside * j) * lot + rng.normal(0, 0.06 * lot, 2)
        if i % block and j % block and rng.random() < 0.85 and ((centre > 0) & (centre < size)).all():
            houses.append(rectangle(centre, (lot * rng.uniform(0.4, 0.95), lot * rng.uniform(0.4, 0.95)), angle))
    paint_roofs(town, houses, scale, rng)


def paint_roofs(canvas: Canvas, buildings: Sequence[Points], scale: Scale, rng: np.random.Generator) -> None:
    """Paint houses with their shadows, in place."""
    for corners in buildings:
        fill(canvas, corners + scale.fine(3), SHADOW)
    for corners in buildings:
        fill(canvas, corners, _one_of(ROOFS, rng))


def _one_of(colours: Sequence[Colour], rng: np.random.Generator) -> Colour:
    """One of the colours, a little lighter or darker."""
    light = rng.normal(1, 0.06)
    red, green, blue = (min(255, round(part * light)) for part in colours[int(rng.integers(len(colours)))])
    return red, green, blue
