"""The seam score: do labels change more often at the borders of the windows than elsewhere?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.card import SlidingWindow
from benchmark.inference import window_starts


class Seams:
    """Counts label changes between neighbouring rows and columns while a label map passes by from top to bottom.

    A map may pass by in bands of columns, each from top to bottom; neighbours in two bands are left out.
    """

    def __init__(self, size: tuple[int, int], window: SlidingWindow) -> None:
        self.rows, self.columns = (_borders(side, window) for side in size)
        self.last: NDArray[np.uint8] | None = None  # row of this band
        self.changes, self.pairs = np.zeros(2, np.int64), np.zeros(2, np.int64)  # elsewhere, at borders

    def add(self, top: int, labels: NDArray[np.uint8], left: int = 0) -> None:
        """The next rows ``[rows, W]``, which start at row ``top`` and column ``left`` of the image."""
        beside = (labels[:, 1:] != labels[:, :-1]).sum(axis=0)
        self._count(beside, self.columns[left : left + len(beside)], len(labels))
        known = labels if self.last is None or top == 0 else np.concatenate([self.last, labels])
        below = (known[1:] != known[:-1]).sum(axis=1)
        first = top + len(labels) - len(known)  # row of known[0]
        self._count(below, self.rows[first : first + len(below)], labels.shape[1])
        self.last = labels[-1:].copy()

    def _count(self, changes: NDArray[np.int64], at_border: NDArray[np.bool_], pairs: int) -> None:
        for index, where in enumerate((~at_border, at_border)):
            self.changes[index] += changes[where].sum()
            self.pairs[index] += pairs * where.sum()

    def score(self) -> float | None:
        """Share of label changes at window borders over that elsewhere: 1 where borders do not show.

        None where there is no border, or no change elsewhere.
        """
        if not self.pairs.all() or not self.changes[0]:
            return None
        elsewhere, borders = self.changes / self.pairs
        return float(borders / elsewhere)


def _borders(length: int, window: SlidingWindow) -> NDArray[np.bool_]:
    """Whether a window starts or ends between pixels i and i + 1, ``[length - 1]``."""
    patch = min(window.patch, length)
    starts = np.asarray(window_starts(length, window.patch, window.overlap))
    edges = np.concatenate([starts, starts + patch])
    found = np.zeros(max(0, length - 1), np.bool_)
    found[edges[(edges > 0) & (edges < length)] - 1] = True
    return found
