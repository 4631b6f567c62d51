"""The Gaussian kernel by its definition, summed over the pairs of rows: exact, for small images."""

from __future__ import annotations

from bisect import bisect_right

import torch
from torch import Tensor

REACH = 9.0  # rows further apart than this in one feature alone weigh less than 3e-18 for each other: they are left out
LEAST = -40.0  # exponents below count as this, 4e-18: what is nearly too small for float32 takes many times as long
PAIRS = 1 << 18  # kept at a time: 3 MiB, which stay in the cache


class DirectSum:
    """The kernel ``exp(-|f_i - f_j|^2 / 2)`` between the rows of ``features`` (float32 ``[N, d]``).

    A filtering takes up to N * N exponentials, where the lattice takes a multiple of N sums: seconds for 128x128.
    """

    counted = "pairs"  # what ``size`` is the number of

    def __init__(self, features: Tensor) -> None:
        widest = (features.amax(0) - features.amin(0)).argmax()
        along, self._order = features[:, widest].sort()  # by the feature that keeps the most rows apart
        ordered = features[self._order].double()
        half, one = -0.5 * ordered.square().sum(1, keepdim=True), ordered.new_ones(len(features), 1)
        # -|a - b|^2 / 2 as a product; in float32 it would lose the distance of neighbours far from the origin
        self._left, self._right = torch.cat([ordered, half, one], 1), torch.cat([ordered, one, half], 1).T
        self.first = torch.searchsorted(along, along - REACH).tolist()
        self.end = torch.searchsorted(along, along + REACH, right=True).tolist()
        self._factors = features.new_ones(len(features), 1)
        self.size = sum(self.end) - sum(self.first)

    def filter(self, values: Tensor) -> Tensor:
        """The kernel's matrix times ``values`` (float32 ``[N, C]``); a row's own value counts too."""
        scaled, found = (self._factors * values)[self._order], torch.empty_like(values)
        start = 0
        with torch.autocast(values.device.type, enabled=False):
            while start < len(values):
                stop = self.stop(start)
                near = slice(self.first[start], self.end[stop - 1])
                weights = (self._left[start:stop] @ self._right[:, near]).float().clamp_(min=LEAST).exp_()
                found[self._order[start:stop]] = weights @ scaled[near]
                start = stop
        return self._factors * found

    def stop(self, start: int) -> int:
        """The end of the rows that are taken together from ``start`` on: as many as ``PAIRS`` allow, or one.

        The matrix is never held entire: this bounds the pairs that are computed at a time.
        """
        rest = range(start + 1, len(self.end) + 1)
        many = bisect_right(rest, PAIRS, key=lambda stop: (stop - start) * (self.end[stop - 1] - self.first[start]))
        return start + max(1, many)

    def scale_(self, factors: Tensor) -> None:
        """Multiply the rows and the columns of the kernel's matrix by ``factors`` (float32 ``[N]``), in place."""
        self._factors *= factors[:, None]
