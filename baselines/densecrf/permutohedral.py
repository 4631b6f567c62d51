"""Gaussian filtering in high dimensions on the permutohedral lattice (Adams, Baek, Davis, Eurographics 2010), in torch.

A pixel with ``d`` features lies in one simplex of a lattice whose points have ``d + 1`` integer coordinates that sum to
zero. Its value is splatted to the simplex's corners, blurred along the ``d + 1`` axes over the points that exist, and
sliced back. All three steps are sums of weighted rows: ``embedding_bag``, on any device, without a compiler.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 1 << 18  # pixels whose simplices are found at a time: the temporaries stay in tens of MiB


@dataclass(frozen=True)
class _Rows:
    """A sparse matrix: row ``i`` has ``weights[i]`` at the columns ``indices[i]``.

    Where the rows differ in length, both are flat, and row ``i`` begins at ``offsets[i]``.
    """

    indices: Tensor
    weights: Tensor
    offsets: Tensor | None = None

    def times(self, values: Tensor) -> Tensor:
        """The product with a dense matrix ``[columns, C]``."""
        last = self.offsets is not None
        return F.embedding_bag(
            self.indices, values, self.offsets, mode="sum", per_sample_weights=self.weights, include_last_offset=last
        )


class Lattice:
    """The kernel ``exp(-|f_i - f_j|^2 / 2)`` between the rows of ``features`` (float32 ``[N, d]``), as on the lattice.

    Raises:
        ValueError: the features are so far apart that a point's coordinates do not fit into 64 bits.
    """

    counted = "lattice_points"  # what ``size`` is the number of

    def __init__(self, features: Tensor) -> None:
        elevated = _elevated(features)
        lowest, steps = _packing(elevated)
        found = [_simplices(chunk, lowest, steps) for chunk in torch.split(elevated, CHUNK)]
        del elevated
        keys, weights = (torch.cat(parts) for parts in zip(*found, strict=True))
        del found
        points, self._splat, corners = _splat(keys, weights)
        self.size = points.numel()
        self._blurs = _blurs(points, steps)
        self._slice = _Rows(corners, weights.div_(1 + 0.5 ** features.shape[1]))

    def filter(self, values: Tensor) -> Tensor:
        """The kernel's matrix times ``values`` (float32 ``[N, C]``); a row's own value counts too.

        Splat onto the lattice, blur along each of its axes, slice back (Adams et al. 2010).
        """
        values = self._splat.times(values)
        for blur in self._blurs:
            values = blur.times(values)
        return self._slice.times(values)

    def scale_(self, factors: Tensor) -> None:
        """Multiply the rows and the columns of the kernel's matrix by ``factors`` (float32 ``[N]``), in place."""
        self._splat.weights.mul_(factors[self._splat.indices])
        self._slice.weights.mul_(factors[:, None])


def _elevated(features: Tensor) -> Tensor:
    """The features on the lattice's hyperplane, float32 ``[N, d + 1]``: one blur along all axes has a variance of 1.

    Operation by operation as in the authors' code: rounding decides where a pixel on the face of a simplex belongs.
    """
    d = features.shape[1]
    spread = float(np.float32((2 / 3) ** 0.5 * (d + 1)))
    total = torch.zeros_like(features[:, 0])
    columns: list[Tensor] = []
    for j in range(d, 0, -1):
        part = features[:, j - 1] * float(np.float32((j * (j + 1)) ** -0.5 * spread))
        columns.append(total - j * part)
        total = total + part
    return torch.stack([total, *reversed(columns)], dim=1)


def _packing(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """How a point becomes an int64 key: all its coordinates leave the same remainder ``k`` on division by ``d + 1``.

    The key packs the quotients, without the last, which follows from the others, and ``k``. Returned are the lowest
    quotient of each coordinate and what one step of it adds to a key.
    """
    corners = elevated.shape[1]
    lowest = elevated.amin(0).div(corners).floor().long() - 2  # neighbours and roundings reach two steps further
    extent = elevated.amax(0).div(corners).ceil().long() + 2 - lowest + 1
    steps = [corners]
    for size in extent[:-1].tolist():
        steps.append(steps[-1] * size)
    if steps[-1] >= 1 << 63:
        raise ValueError("the features span too many lattice points to count them in 64 bits; take larger deviations")
    return lowest, torch.tensor([*steps[:-1], 0], device=elevated.device)


def _simplices(elevated: Tensor, lowest: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Keys (int64) and barycentric weights (float32) of the corners of each pixel's simplex, both ``[N, d + 1]``."""
    corners = elevated.shape[1]
    quotients = (elevated * (1 / corners)).round()
    excess = quotients.sum(1, keepdim=True).long()  # the nearest integers need not sum to zero
    order = (elevated - quotients * corners).argsort(dim=1, descending=True, stable=True)  # axis by rank
    rank = torch.arange(corners, device=elevated.device)
    # the `excess` axes that were rounded up the furthest go one step down, or -excess of the others one up
    quotients.scatter_add_(1, order, -(rank + excess).div(corners, rounding_mode="floor").to(quotients))
    order = order.gather(1, (rank - excess).remainder(corners))
    rest = (elevated - quotients * corners).gather(1, order) * (1 / corners)  # falling along a row, by at most 1 in all
    weights = torch.cat([1 + rest[:, -1:] - rest[:, :1], (rest[:, :-1] - rest[:, 1:]).flip(1)], dim=1)
    first = ((quotients.long() - lowest) * steps).sum(1, keepdim=True)
    # from one corner to the next the remainder grows by 1 and one quotient falls: the last rank's first
    keys = torch.cat([first, first + (1 - steps[order[:, 1:].flip(1)]).cumsum(1)], dim=1)
    return keys, weights


def _splat(keys: Tensor, weights: Tensor) -> tuple[Tensor, _Rows, Tensor]:
    """The points' keys in rising order, the splat onto them, and the points at each pixel's corners ``[N, d + 1]``."""
    ordered, order = keys.flatten().sort()
    first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    starts = first.nonzero()[:, 0]
    corners = torch.empty(keys.shape, dtype=torch.int32, device=keys.device)
    corners.view(-1)[order] = first.cumsum(0, dtype=torch.int32).sub_(1)
    # one more point than there are: an empty row, which stands for every absent neighbour
    ends = torch.full((2,), order.numel(), dtype=torch.int32, device=keys.device)
    pixels = order.div(keys.shape[1], rounding_mode="floor").to(torch.int32)
    splat = _Rows(pixels, weights.flatten()[order], torch.cat([starts.to(torch.int32), ends]))
    return ordered[starts], splat, corners


def _blurs(points: Tensor, steps: Tensor) -> list[_Rows]:
    """For each axis, half of both neighbours added to each point. ``points`` are the keys in rising order."""
    count, corners = points.numel(), steps.numel()
    itself = torch.arange(count + 1, dtype=torch.int32, device=points.device)
    weights = torch.tensor([1.0, 0.5, 0.5], device=points.device).repeat(count + 1, 1)
    last = points.remainder(corners) == corners - 1
    blurs = []
    for step in steps:
        # the neighbour has the next remainder: one quotient falls, or, from the last remainder to 0, the others rise
        wanted = points + torch.where(last, steps.sum() - step - (corners - 1), 1 - step)
        place = torch.searchsorted(points, wanted, out_int32=True).clamp_(max=count - 1)
        found = points[place] == wanted
        ahead, behind = torch.full_like(itself, count), torch.full_like(itself, count)
        ahead[:-1] = torch.where(found, place, count)
        behind[place[found]] = itself[:-1][found]
        blurs.append(_Rows(torch.stack([itself, ahead, behind], dim=1), weights))
    return blurs
