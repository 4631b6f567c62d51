"""Latency samples of calls: warm-up until steady, then interleaved rounds in random order, the device synchronised."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from results.analysis.latency_statistics import FEWEST, Taken, drifts, require_positive
from results.cell import Region

Clock = Callable[[], float]  # seconds, monotonic
Progress = Callable[[str, int, int], None]  # step, rounds done, rounds expected
Round = dict[str, tuple[float, bool | None]]  # by call: latency in ms, and whether the device was throttled

WARMUP_WINDOW = FEWEST  # rounds that the drift test looks at
WARMUP_SHARE = 1 / 3  # of the seconds; the rest is for samples that are kept


@dataclass(frozen=True, kw_only=True)
class SpeedSettings:
    """How long to measure one system, in all the processes together that share the work.

    Sampling ends at ``max_samples``, or once ``min_samples`` are taken and ``seconds_budget`` is spent.

    Raises:
        ValueError: too few samples for an interval, or the limits contradict each other.
    """

    min_samples: int
    max_samples: int
    seconds_budget: float  # of measured time, warm-up and all interleaved calls together
    max_warmup: int  # in each process
    processes: int = 1

    def __post_init__(self) -> None:
        if self.min_samples < FEWEST:
            raise ValueError(f"min_samples {self.min_samples}: a 95 % interval of the median needs at least {FEWEST}")
        if self.max_samples < self.min_samples or self.max_warmup < 0:
            raise ValueError("max_samples must not be below min_samples, and max_warmup not below 0")

    @property
    def share(self) -> tuple[int, int, float]:
        """What one process takes: least samples, most samples, seconds."""
        least, most = (math.ceil(count / self.processes) for count in (self.min_samples, self.max_samples))
        return least, most, self.seconds_budget / self.processes


@dataclass(frozen=True)
class TimedCall:
    """What is timed. ``inspect`` gets what ``run`` returned, outside the timed region."""

    region: Region
    run: Callable[[], Any]
    inspect: Callable[[Any], None] = lambda _: None


def take(
    calls: Mapping[str, TimedCall],
    settings: SpeedSettings,
    synchronise: Callable[[], None],
    clock: Clock = time.perf_counter,
    *,
    seed: int = 0,
    progress: Progress = lambda *_: None,
    throttled: Callable[[], bool | None] = lambda: None,
) -> dict[str, Taken]:
    """Samples of several calls, taken in rounds so that a slow spell of the machine falls on all of them.

    Each round runs every call once, in an order drawn from ``seed``. Warm-up rounds end when no call drifts over the
    last ``WARMUP_WINDOW``, or at ``max_warmup``, or when a third of the seconds is spent. Whether the samples then kept
    are steady is tested on themselves, and said in ``Samples.steady``. ``throttled`` is asked after each sample.

    Raises:
        TimingError: the clock gave a latency that cannot be.
    """
    order, names = random.Random(seed), list(calls)

    def play() -> Round:
        order.shuffle(names)
        return {name: (_latency_ms(calls[name], synchronise, clock), throttled()) for name in names}

    seconds = settings.share[2]
    warmup = _warm_up(play, settings, progress)
    kept = _record(play, settings, seconds - _seconds(warmup), progress)
    return {name: _taken(call.region, [one[name] for one in kept], len(warmup)) for name, call in calls.items()}


def _taken(region: Region, samples: list[tuple[float, bool | None]], warmup_samples: int) -> Taken:
    flags = [flag for _, flag in samples]
    return Taken(
        region=region,
        latencies_ms=tuple(latency for latency, _ in samples),
        warmup_samples=warmup_samples,
        throttled=None if None in flags else tuple(index for index, flag in enumerate(flags) if flag),
    )


def _warm_up(play: Callable[[], Round], settings: SpeedSettings, progress: Progress) -> list[Round]:
    rounds: list[Round] = []
    seconds = settings.share[2] * WARMUP_SHARE
    while len(rounds) < settings.max_warmup and _seconds(rounds) < seconds:
        rounds.append(play())
        progress("warm-up", len(rounds), settings.max_warmup)
        recent = rounds[-WARMUP_WINDOW:]
        if len(recent) == WARMUP_WINDOW and not any(drifts([one[name][0] for one in recent]) for name in recent[0]):
            break
    return rounds


def _record(play: Callable[[], Round], settings: SpeedSettings, seconds: float, progress: Progress) -> list[Round]:
    rounds: list[Round] = []
    least, most, _ = settings.share
    spent = 0.0
    while len(rounds) < least or (len(rounds) < most and spent < seconds):
        rounds.append(play())
        spent += _seconds(rounds[-1:])
        affordable = int(len(rounds) * seconds / spent) if seconds > 0 else 0
        expected = min(max(affordable, least, len(rounds)), most)
        progress("timing", len(rounds), expected)
    return rounds


def _seconds(rounds: list[Round]) -> float:
    return sum(latency for one in rounds for latency, _ in one.values()) / 1000


def _latency_ms(call: TimedCall, synchronise: Callable[[], None], clock: Clock) -> float:
    synchronise()
    start = clock()
    output = call.run()
    synchronise()
    latency_ms = (clock() - start) * 1000
    require_positive(latency_ms)
    call.inspect(output)
    return latency_ms
