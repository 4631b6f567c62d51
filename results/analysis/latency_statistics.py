"""Statistics of raw latencies: median, its interval, percentiles, and whether they drift."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from results.analysis.statistics import FEWEST, of_median
from results.cell import Model, Region
from results.record import LatencySamples

DRIFT_TOLERANCE = 0.03  # a trend that moves the median by less does not matter
DRIFT_Z = 1.96  # a trend with a smaller Mann-Kendall statistic is noise


class TimingError(RuntimeError):
    """Latencies that no working clock gives (nan, zero, negative, constant), or too few of them."""


class ProcessSamples(Model):
    """Latencies of one region, measured by one process, in order."""

    region: Region
    latencies_ms: tuple[float, ...]
    warmup_samples: int
    throttled: tuple[int, ...] | None  # indices of samples taken while the GPU was throttled; None: unknown


def percentile(latencies: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest measured latency that at least ``percent`` of the samples do not exceed."""
    ordered = sorted(latencies)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def drifts(latencies: Sequence[float]) -> bool:
    """Whether latencies, in the order taken, have a trend that is both significant and large enough to matter.

    Significant: the Mann-Kendall test (Mann 1945), which assumes no distribution and is robust to outliers. Large
    enough: the medians of the two halves differ by more than ``DRIFT_TOLERANCE``.
    """
    values = np.asarray(latencies)
    count = len(values)
    if count < 2:
        return False
    score = abs(np.triu(np.sign(values[None, :] - values[:, None])).sum())
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    first, last = np.median(values[: count // 2]), np.median(values[-(count // 2) :])
    return bool((score - 1) / deviation > DRIFT_Z and abs(last / first - 1) > DRIFT_TOLERANCE)


def summarise(region: Region, latencies_ms: Sequence[float], warmup_samples: int) -> LatencySamples:
    """Statistics of the latencies of one timed region, given in the order measured.

    Raises:
        TimingError: a latency is nan, infinite, zero or negative; all are equal; there are too few.
    """
    for latency in latencies_ms:
        require_positive(latency)
    found = of_median(latencies_ms)
    if found.low is None or found.high is None:
        raise TimingError(
            f"{len(latencies_ms)} samples are too few for a 95 % interval of the median; take at least {FEWEST} "
            "(min_samples)"
        )
    if min(latencies_ms) == max(latencies_ms):
        raise TimingError(
            f"all {len(latencies_ms)} latencies of '{region}' are {latencies_ms[0]} ms: the clock is too coarse; "
            "use time.perf_counter"
        )
    return LatencySamples(
        region=region,
        latencies_ms=tuple(latencies_ms),
        median_ms=found.value,
        median_low_ms=found.low,
        median_high_ms=found.high,
        p90_ms=percentile(latencies_ms, 90),
        p99_ms=percentile(latencies_ms, 99),
        warmup_samples=warmup_samples,
        steady=not drifts(latencies_ms),
    )


def merged(processes: Sequence[ProcessSamples]) -> LatencySamples:
    """The samples of one region from all the processes that measured it, in the order of the processes.

    The interval treats all samples as draws from one distribution; ``LatencySamples.rounds`` tells the processes apart.

    Raises:
        TimingError: as :func:`summarise`.
    """
    latencies = [latency for taken in processes for latency in taken.latencies_ms]
    samples = summarise(processes[0].region, latencies, sum(taken.warmup_samples for taken in processes))
    throttled: list[int] | None = []
    first = 0
    for taken in processes:
        known = throttled is not None and taken.throttled is not None
        throttled = [*(throttled or []), *(first + index for index in taken.throttled or ())] if known else None
        first += len(taken.latencies_ms)
    return samples.model_copy(
        update={
            "rounds": tuple(len(taken.latencies_ms) for taken in processes),
            "throttled": None if throttled is None else tuple(throttled),
        }
    )


def require_positive(latency_ms: float) -> None:
    """Refuse a latency that no working clock gives.

    Raises:
        TimingError: it is nan, infinite, zero or negative.
    """
    if not (math.isfinite(latency_ms) and latency_ms > 0):
        raise TimingError(f"a latency of {latency_ms} ms: the clock is broken or not monotonic; use time.perf_counter")
