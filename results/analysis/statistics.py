"""One interval for everything that repeats: that of a median, between interpolated order statistics.

The unit is whatever repeats: a seed, an image, a scene, a timed call, a pair of records. Of n units, the number above
the true median is binomial(n, 1/2) whatever their distribution, so the k-th lowest and k-th highest hold the median
with a probability that is known exactly (the sign test turned round). Between two neighbouring k the ends are
interpolated as in Hettmansperger and Sheather (1986), "Confidence intervals based on interpolated order statistics", so
that the probability is 95 % and not merely more. The units' distribution may be skewed or heavy-tailed, but must not
have a gap at its median (two humps are held by 86 to 99 %), and the units must be independent of each other. Intervals
of means (Student's t, bootstrap percentiles) hold far less than they say for a few skewed units. Fewer than six units
have no interval: five of one sign have a chance of 1 in 16.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
FEWEST = 6  # units; five of one sign: 2 / 2^5 > 5 %

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, if there is one, and the number of units behind it."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def resolved(self) -> bool:
        """Whether the interval of a difference excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def of_median(values: Sequence[float]) -> Estimate:
    """The median of independent units with its interval; fewer than ``FEWEST`` have no interval.

    Raises:
        ValueError: no value is given.
    """
    if not len(values):
        raise ValueError("no value to take the median of")
    if len(values) < FEWEST:
        return Estimate(statistics.median(values), None, None, len(values))
    low, high = median_bounds(np.asarray(values, np.float64))
    return Estimate(statistics.median(values), float(low), float(high), len(values))


def median_bounds(values: Floats) -> tuple[Floats, Floats]:
    """Ends ``[...]`` of the interval of the median of each row of ``values`` ``[..., n]``, n at least ``FEWEST``."""
    n = values.shape[-1]
    rank, inwards = _between(n)
    ordered = np.sort(values, axis=-1)
    low, next_low = ordered[..., rank - 1], ordered[..., rank]
    high, next_high = ordered[..., n - rank], ordered[..., n - rank - 1]
    return low + inwards * (next_low - low), high + inwards * (next_high - high)


@functools.cache
def _between(n: int) -> tuple[int, float]:
    """The rank k whose ends hold at least 95 % while those of k + 1 hold less, and how far in to go towards k + 1."""
    ways, outside, rank = [math.comb(n, k) for k in range(n // 2 + 1)], 0, 0  # outside: 2^n P(Bin(n, 1/2) < rank)
    while 2 * (outside + ways[rank]) <= (1 - CONFIDENCE) * 2**n:
        outside += ways[rank]
        rank += 1
    held, next_held = 1 - 2 * outside / 2**n, 1 - 2 * (outside + ways[rank]) / 2**n
    share = (held - CONFIDENCE) / (held - next_held)
    return rank, (n - rank) * share / (rank + (n - 2 * rank) * share)


def over_seeds(values: Sequence[float]) -> tuple[Estimate, float | None]:
    """Median over seeds with its interval, and the standard deviation; one seed has neither.

    Raises:
        ValueError: no value is given.
    """
    return of_median(values), statistics.stdev(values) if len(values) > 1 else None


def by_image(texts: Sequence[str]) -> Counts:
    """Confusion matrices int64 ``[N, C, C]`` of ``results.record.Accuracy.image_confusions``."""
    flat = np.array([text.split() for text in texts], np.int64)
    side = math.isqrt(flat.shape[1])
    return flat.reshape(-1, side, side)


def image_scores(counts: Counts, classes: Sequence[int]) -> Floats:
    """Each image's own mean IoU ``[N]`` in percent, over those of ``classes`` that its truth holds; nan where none is.

    Args:
        counts: matrices ``[N, C, C]``; rows are the truth.
        classes: the classes to average over.

    The classes of an image are those of its truth, so that two systems are averaged over the same ones.
    """
    chosen = list(classes)
    hits = np.diagonal(counts, axis1=1, axis2=2)[:, chosen].astype(np.float64)
    truth, found = counts.sum(2)[:, chosen], counts.sum(1)[:, chosen]
    held = truth > 0
    scores = np.divide(hits, truth + found - hits, out=np.zeros_like(hits), where=held)
    number = held.sum(1)
    means: Floats = np.divide(scores.sum(1), number, out=np.full(len(counts), np.nan), where=number > 0)
    return 100 * means


def of_scenes(differences: Floats, scenes: Sequence[str]) -> Estimate:
    """The median over scenes of the mean difference ``[N]`` of each one's images; nan are left out.

    Images of one scene, such as a city, are alike, so the scene is the unit.

    Raises:
        ValueError: no difference is left.
    """
    found: dict[str, list[float]] = {}
    for scene, difference in zip(scenes, differences.tolist(), strict=True):
        if not math.isnan(difference):
            found.setdefault(scene, []).append(difference)
    return of_median([statistics.fmean(group) for group in found.values()])


def ranks(names: Sequence[str], beats: Callable[[str, str], bool]) -> dict[str, int]:
    """The rank of each name: one more than the number of names that beat it; equal numbers share a rank."""
    return {name: 1 + sum(beats(other, name) for other in names if other != name) for name in names}
