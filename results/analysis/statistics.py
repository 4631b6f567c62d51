"""Estimates with intervals: over seeds, between systems on the same images, and over paired records.

Pure functions of numbers. An estimate has no interval where there is too little data for one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
FEWEST_PAIRS = 6  # five pairs give no 95 % interval: 2 / 2^5 > 5 %
RESAMPLES = 2000

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, if there is one, and the number of observations behind it."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def resolved(self) -> bool:
        """Whether the interval of a difference excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def over_seeds(values: Sequence[float]) -> tuple[Estimate, float | None]:
    """Mean over seeds with Student's interval, and the standard deviation; one seed has neither.

    Raises:
        ValueError: no value is given.
    """
    if not values:
        raise ValueError("no value to take the mean of")
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Estimate(mean, None, None, 1), None
    deviation = statistics.stdev(values)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, n), deviation


def of_pairs(differences: Sequence[float]) -> Estimate:
    """Hodges-Lehmann estimate (1963) of the difference of pairs, with the interval of Wilcoxon's signed rank test.

    It is the median of the means of every two differences, each paired with itself too. The interval is exact for any
    noise that is as likely to favour one side of a pair as the other. Fewer than ``FEWEST_PAIRS`` give no interval.

    Raises:
        ValueError: no difference is given.
    """
    values = np.asarray(differences, np.float64)
    if not values.size:
        raise ValueError("no difference to estimate from")
    first, second = np.triu_indices(len(values))
    means = np.sort((values[first] + values[second]) / 2)
    rank = _signed_rank(len(values))
    low, high = (float(means[rank - 1]), float(means[-rank])) if rank else (None, None)
    return Estimate(float(np.median(means)), low, high, len(values))


def _signed_rank(n: int) -> int:
    """Largest rank k such that the k-th lowest and highest mean hold the true difference with 95 %; 0 if none does."""
    ways = np.ones(1)  # of the 2^n assignments of signs, those whose positive ranks add up to 0, 1, ...
    for rank in range(1, n + 1):
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    outside = 2 * np.cumsum(ways) / ways.sum()
    return int(np.searchsorted(outside, 1 - CONFIDENCE, side="right"))


def by_image(texts: Sequence[str]) -> Counts:
    """Confusion matrices int64 ``[N, C, C]`` of ``results.record.Accuracy.image_confusions``."""
    flat = np.array([text.split() for text in texts], np.int64)
    side = math.isqrt(flat.shape[1])
    return flat.reshape(-1, side, side)


def difference_of_miou(base: Counts, head: Counts, classes: Sequence[int], seed: int = 0) -> Estimate:
    """Mean IoU of ``head`` less that of ``base`` in points, both on the same images, by bootstrap over the images.

    Args:
        base: counts ``[N, C, C]`` of one system by image; rows are the ground truth.
        head: the same of the other system, images in the same order.
        classes: the classes to average over.
        seed: of the resampling.

    The percentiles are widened for few images as in Hesterberg (2015), "What Teachers Should Know about the Bootstrap",
    section 5. One image has no interval.
    """
    n = len(base)
    value = float(_mious(head.sum(0)[None], classes)[0] - _mious(base.sum(0)[None], classes)[0])
    if n == 1:
        return Estimate(value, None, None, 1)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)
    before, after = (_mious(np.tensordot(drawn, counts, 1), classes) for counts in (base, head))
    tail = NormalDist().cdf(math.sqrt(n / (n - 1)) * float(stats.t.ppf((1 - CONFIDENCE) / 2, n - 1)))
    low, high = np.nanquantile(after - before, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n)


def _mious(counts: NDArray[np.generic], classes: Sequence[int]) -> NDArray[np.float64]:
    """Mean IoU in percent ``[B]`` over those of ``classes`` that occur, of matrices ``[B, C, C]``."""
    hits = np.diagonal(counts, axis1=1, axis2=2).astype(np.float64)
    unions = counts.sum(1) + counts.sum(2) - hits
    scores = np.divide(hits, unions, out=np.full_like(hits, np.nan), where=unions > 0)
    chosen = scores[:, list(classes)]
    occur = ~np.isnan(chosen)
    sums, numbers = np.where(occur, chosen, 0).sum(1), occur.sum(1)
    means: NDArray[np.float64] = np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)
    return 100 * means


def ranks(names: Sequence[str], beats: Callable[[str, str], bool]) -> dict[str, int]:
    """The rank of each name: one more than the number of names that beat it; equal numbers share a rank."""
    return {name: 1 + sum(beats(other, name) for other in names if other != name) for name in names}
