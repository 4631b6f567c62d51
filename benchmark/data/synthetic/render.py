"""Renders a map of regions as an image: colours, textures, light and the sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmark.data.synthetic.model import Region, Regions, Scale
from benchmark.data.synthetic.noise import Field, Points, enlarge, smooth_noise
from benchmark.data.synthetic.objects import Canvas, paint_parcels, paint_roofs, paint_town


@dataclass(frozen=True)
class Look:
    """Colour (RGB), and how strongly each texture changes the brightness (shares of 1)."""

    colour: tuple[int, int, int]
    patchy: float = 0.0  # spots tens of pixels wide
    grain: float = 0.0  # spots of a few pixels
    relief: float = 0.0  # light and shade of rough ground
    crowns: float = 0.0  # light and shade of tree crowns
    shrubs: float = 0.0  # dark dots


GRASS = Look((118, 120, 80), patchy=0.07, grain=0.06)
SOIL = Look((152, 128, 100), patchy=0.06, grain=0.06)
PAVED = Look((180, 168, 146), patchy=0.04, grain=0.04)
LOOKS = {
    Region.FIELD: Look((92, 96, 62), patchy=0.05, grain=0.03),
    Region.SCRUB: Look((132, 120, 88), patchy=0.16, grain=0.06, relief=0.06, shrubs=0.5),
    Region.PASTURE: GRASS,
    Region.STEPPE: GRASS,
    Region.FALLOW: SOIL,
    Region.BADLAND: SOIL,
    Region.FOREST: Look((58, 74, 46), patchy=0.10, grain=0.04, crowns=0.30),
    Region.LAKE: Look((56, 74, 76), patchy=0.06, grain=0.01),
    Region.TOWN: Look((126, 118, 98), patchy=0.10, grain=0.06, shrubs=0.4),
    Region.STREET: PAVED,
    Region.ROCK: Look((170, 154, 130), patchy=0.10, grain=0.08, relief=0.16),
    Region.CLOUD: Look((130, 128, 100), patchy=0.05),
    Region.RIVER: Look((58, 76, 76), patchy=0.04, grain=0.02),
    Region.ROAD: PAVED,
    Region.BUILDING: Look((190, 185, 178), grain=0.03),
}


def paint(regions: Regions, buildings: Sequence[Points], scale: Scale, rng: np.random.Generator) -> Canvas:
    """The image of a map of regions, uint8 RGB ``[H, W, 3]``."""
    colours = np.zeros((256, 1, 3), np.uint8)  # as OpenCV's look-up takes them
    colours[: len(LOOKS), 0] = [look.colour for look in LOOKS.values()]
    canvas = np.asarray(cv2.LUT(cv2.merge([regions] * 3), colours), np.uint8)
    angle = rng.uniform(0, math.pi / 2)
    shade = paint_parcels(canvas, regions, angle, scale, rng)
    paint_town(canvas, regions, angle, scale, rng)
    paint_roofs(canvas, buildings, scale, rng)
    shade += _shade(regions, scale, rng)
    hue = smooth_noise(rng, scale.size, max(scale.wide(200), 8), 3) * 0.03
    cloud = _cloud_cover(regions, scale)
    noise = rng.standard_normal(scale.size, np.float32) * 2.5
    season = (1 + rng.normal(0, 0.05) + rng.normal(0, 0.03, 3)).tolist()
    for channel, warmth in enumerate((1.0, 0.0, -0.7)):
        layer = canvas[..., channel] * (shade + hue * warmth) * season[channel]
        layer += cloud * (238 - layer)
        layer = cv2.GaussianBlur(layer, (3, 3), 0.6) + noise  # the sensor's spread and noise
        canvas[..., channel] = np.clip(layer, 0, 255)
    return canvas


def _shade(regions: Regions, scale: Scale, rng: np.random.Generator) -> Field:
    """Brightness ``[H, W]`` of light and textures, about 1."""
    canopy = smooth_noise(rng, scale.size, max(scale.fine(11), 2.5), 2)
    ground = smooth_noise(rng, scale.size, max(scale.wide(150), 8), 4)
    textures = {
        "patchy": smooth_noise(rng, scale.size, max(scale.wide(90), 6), 4),
        "grain": smooth_noise(rng, scale.size, 2.2),
        "relief": _lit(ground, scale.wide(12)),
        "crowns": _lit(canopy, scale.fine(4)) + np.minimum(canopy, 0) * 0.7,
        "shrubs": -np.clip((canopy - 1.1) * 3, 0, 1),
    }
    shade = 1 + smooth_noise(rng, scale.size, max(scale.wide(1500), 8)) * 0.04
    for name, texture in textures.items():
        strength = np.array([getattr(look, name) for look in LOOKS.values()], np.float32)
        shade += strength[regions] * texture
    return shade


def _lit(height: Field, pixels: float) -> Field:
    """Light from the upper left on a rough surface: its slope over a few ``pixels``, about unit deviation."""
    step = max(1, round(pixels))
    slope = height - np.pad(height, ((step, 0), (step, 0)), "edge")[:-step, :-step]
    return np.asarray(slope / max(float(slope[::8, ::8].std()), 1e-3), np.float32)


def _cloud_cover(regions: Regions, scale: Scale) -> Field:
    """Opacity of the clouds ``[H, W]``: near 1 where the label says unknown, with a soft border."""
    height, width = scale.size
    small = (max(1, width // 4), max(1, height // 4))
    cover = cv2.resize((regions == Region.CLOUD).astype(np.float32), small, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(cover, (0, 0), max(scale.wide(12) / 4, 0.8))
    return enlarge(np.clip(soft * 1.7, 0, 0.97), scale.size)
