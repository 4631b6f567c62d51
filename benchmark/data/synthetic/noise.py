"""Smooth random fields, winding lines, and drawing with subpixel accuracy."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]  # [H, W]
Points = NDArray[np.float64]  # [N, 2], (x, y) in pixels
Size = tuple[int, int]  # (height, width)
SUBPIXEL_BITS = 4  # OpenCV draws on a grid of 1/16 pixel


def enlarge(field: Field, size: Size) -> Field:
    """A coarse field at ``size``, interpolated smoothly."""
    return np.asarray(cv2.resize(field, (size[1], size[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def smooth_noise(rng: np.random.Generator, size: Size, wavelength: float, octaves: int = 1) -> Field:
    """Value noise ``[H, W]`` of about zero mean and unit variance; each octave halves wavelength and amplitude."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        cell = max(wavelength / 2**octave, 1.0)
        nodes = (math.ceil(size[0] / cell) + 1, math.ceil(size[1] / cell) + 1)
        grid = rng.standard_normal(nodes, np.float32)
        total += enlarge(grid, size) * (1.4 * 0.5**octave)  # interpolation takes 1/1.4 of the deviation
    return total


def winding_line(rng: np.random.Generator, size: Size, sway: float) -> Points:
    """A line that crosses the image from border to border, swaying by about ``sway`` times the smaller side."""
    height, width = size
    side = min(size)
    reach = math.hypot(height, width)
    along = np.linspace(-reach, reach, 400)
    aside = np.zeros_like(along)
    for wavelength in (1.6, 0.7, 0.27, 0.11):
        phase = rng.uniform(0, 2 * math.pi)
        wave = np.sin(along / (wavelength * side) * 2 * math.pi + phase)
        aside += sway * side * wavelength * rng.uniform(0.4, 1.0) * wave
    angle = rng.uniform(0, 2 * math.pi)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    forward = np.array([math.cos(angle), math.sin(angle)])
    return np.asarray(centre + along[:, None] * forward + aside[:, None] * (-forward[1], forward[0]))


def rectangle(centre: Points, sides: tuple[float, float], angle: float) -> Points:
    """Corners ``[4, 2]`` of a rectangle with ``sides`` (pixels) turned by ``angle`` (radians)."""
    forward = np.array([math.cos(angle), math.sin(angle)])
    aside = np.array([-forward[1], forward[0]])
    # OpenCV fills border pixels too, which adds one pixel to each side.
    half, across = forward * max(sides[0] - 1, 0) / 2, aside * max(sides[1] - 1, 0) / 2
    return np.stack([centre + half + across, centre + half - across, centre - half - across, centre - half + across])


def fill(canvas: NDArray[np.uint8], corners: Points, colour: int | tuple[int, int, int]) -> None:
    """Fill a convex polygon in place."""
    cv2.fillConvexPoly(canvas, np.round(corners * 2**SUBPIXEL_BITS).astype(np.int32), colour, cv2.LINE_8, SUBPIXEL_BITS)


def fill_ribbon(canvas: NDArray[np.uint8], line: Points, colour: int | tuple[int, int, int], width: float) -> None:
    """Draw a polyline of any width in place.

    OpenCV's own lines have odd integer widths only, so each segment is filled as a polygon.

    Args:
        canvas: uint8 ``[H, W]`` or ``[H, W, 3]``.
        line: ``[N, 2]``, (x, y) in pixels; parts outside the canvas are cut off.
        colour: a value, or one for each channel.
        width: in pixels of the canvas, 1 or more, not necessarily an integer.
    """
    forward = np.gradient(line, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    aside = np.stack([-forward[:, 1], forward[:, 0]], axis=1) * (max(width - 1, 0) / 2)
    left, right = line + aside, line - aside
    for index in range(len(line) - 1):
        fill(canvas, np.stack([left[index], left[index + 1], right[index + 1], right[index]]), colour)
