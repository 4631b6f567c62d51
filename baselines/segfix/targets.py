"""What SegFix learns (Yuan et al. 2020, section 3.2): where boundaries are, and which way leads inside from there.

The release computes both from distance maps of whole images, offline; here they come from the label crop itself, so
that they fit any augmentation. Distances are exact up to the given limit.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.system import IGNORE

DIRECTIONS = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1))  # (down, right), by class
REACH = 2  # of the 5x5 kernel that takes the gradient of the distances
FLAT = 1e-3  # a gradient below this has no direction: the middle of a strip


def targets(labels: Tensor, max_distance: int) -> tuple[Tensor, Tensor]:
    """Boundary classes and direction classes of a label map.

    Args:
        labels: int64 ``[B, H, W]``, 255 = ignore.
        max_distance: a pixel with another label at this distance or nearer (rounded down to whole pixels, as the
            release stores it) is a boundary pixel.

    Returns:
        int64 ``[B, H, W]`` twice: 1 on boundaries and 0 elsewhere; the index into ``DIRECTIONS`` of the way to the
        inside of the pixel's region. 255 where the label is, and in the second one also off the boundaries.
    """
    labels = labels.to(torch.uint8)
    distance = distance_to_other(labels, max_distance + 1 + math.ceil(REACH * math.sqrt(2)))
    ignored = labels == IGNORE
    boundary = distance < max_distance + 1
    down, right = _gradient(labels, distance)
    undirected = ignored | ~boundary | (down.hypot(right) < FLAT)
    steps = torch.atan2(down, right) / math.pi * 4 + 4  # eighths of a turn, 0 = to the left
    direction = (steps - 0.5).ceil().long() % len(DIRECTIONS)
    return boundary.long().masked_fill_(ignored, IGNORE), direction.masked_fill_(undirected, IGNORE)


def distance_to_other(labels: Tensor, limit: int) -> Tensor:
    """Euclidean distance of each pixel to the nearest one of another label, float32 ``[B, H, W]``, at most ``limit``.

    What lies outside the image is of no label. Every pair of pixels within the limit is compared: for a narrow band
    that takes less time than a distance transform of each class, and it runs on any device.
    """
    height, width = labels.shape[-2:]
    distance = torch.full(labels.shape, float(limit), device=labels.device)
    window = itertools.product(range(limit), range(1 - limit, limit))
    pairs = [(down, right) for down, right in window if (down, right) > (0, 0) and math.hypot(down, right) < limit]
    for down, right in sorted(pairs, key=lambda pair: -math.hypot(*pair)):  # the nearest comes last and stays
        if down < height and abs(right) < width:
            here = (..., slice(0, height - down), slice(max(0, -right), min(width, width - right)))
            there = (..., slice(down, height), slice(max(0, right), min(width, width + right)))
            differs = labels[here] != labels[there]
            distance[here].masked_fill_(differs, math.hypot(down, right))
            distance[there].masked_fill_(differs, math.hypot(down, right))
    return distance


def _gradient(labels: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Downward and rightward slope of the distances inside each pixel's own region, float32 ``[B, H, W]``.

    A neighbour at (y, x) counts with its distance times (y, x) / (y^2 + x^2), as in the release.
    """
    border = (REACH,) * 4  # continued outside, where the release has distances of 0, which lead away from the border
    around = F.pad(distance[:, None], border, mode="replicate")[:, 0]
    classes = F.pad(labels[:, None].float(), border, mode="replicate")[:, 0].to(labels.dtype)
    height, width = labels.shape[-2:]
    slopes = torch.zeros_like(distance), torch.zeros_like(distance)
    for down, right in itertools.product(range(-REACH, REACH + 1), repeat=2):
        if down or right:
            place = (..., slice(REACH + down, REACH + down + height), slice(REACH + right, REACH + right + width))
            inside = around[place] * (classes[place] == labels) / (down**2 + right**2)
            slopes[0].add_(inside, alpha=down)
            slopes[1].add_(inside, alpha=right)
    return slopes
