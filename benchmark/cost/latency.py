"""Latency samples of calls: warm-up until steady, then interleaved repetitions in random order, device synchronised."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from results.analysis.latency_statistics import ProcessSamples, drifts, require_positive
from results.analysis.statistics import FEWEST
from results.cell import Region

Clock = Callable[[], float]  # seconds, monotonic
Progress = Callable[[str, int, int], None]  # step, repetitions done, repetitions expected
Repetition = dict[str, tuple[float, bool | None]]  # by call: latency in ms, and whether the device was throttled

WARMUP_WINDOW = FEWEST  # repetitions that the drift test covers
WARMUP_SHARE = 1 / 3  # of the seconds; the rest is for samples that are kept


@dataclass(frozen=True, kw_only=True)
class SpeedSettings:
    """How long to measure one system, in all the processes together that share its samples.

    Sampling ends at ``max_samples``, or once ``min_samples`` are taken and ``seconds_budget`` is spent.

    Raises:
        ValueError: too few samples for an interval, or the limits contradict each other.
    """

    min_samples: int
    max_samples: int
    seconds_budget: float  # of measured time, warm-up and all interleaved calls together
    max_warmup: int  # repetitions in each process
    processes: int = 1

    def __post_init__(self) -> None:
        if self.min_samples < FEWEST:
            raise ValueError(f"min_samples {self.min_samples}: a 95 % interval of the median needs at least {FEWEST}")
        if self.max_samples < self.min_samples or self.max_warmup < 0:
            raise ValueError("max_samples must not be below min_samples, and max_warmup not below 0")

    @property
    def share(self) -> tuple[int, int, float]:
        """The share of one process: minimum samples, maximum samples, seconds."""
        least, most = (math.ceil(count / self.processes) for count in (self.min_samples, self.max_samples))
        return least, most, self.seconds_budget / self.processes


@dataclass(frozen=True)
class TimedCall:
    """A call to be timed. ``inspect`` receives the result of ``run``, outside the timed region."""

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
) -> dict[str, ProcessSamples]:
    """Samples of several calls, interleaved so that a slow period of the machine affects all of them.

    Each repetition runs every call once, in an order drawn from ``seed``. Warm-up ends when no call drifts over the
    last ``WARMUP_WINDOW`` repetitions, at ``max_warmup``, or after a third of the seconds. Whether the samples kept
    after it are steady is tested on themselves (``LatencySamples.steady``). ``throttled`` is called after each sample.

    Raises:
        TimingError: the clock gave an impossible latency.
    """
    order, names = random.Random(seed), list(calls)

    def repeat() -> Repetition:
        order.shuffle(names)
        return {name: (_latency_ms(calls[name], synchronise, clock), throttled()) for name in names}

    warmup = _warm_up(repeat, settings, progress)
    kept = _sample(repeat, settings, settings.share[2] - sum(map(_seconds, warmup)), progress)
    return {name: _samples(call.region, [one[name] for one in kept], len(warmup)) for name, call in calls.items()}


def _warm_up(repeat: Callable[[], Repetition], settings: SpeedSettings, progress: Progress) -> list[Repetition]:
    done: list[Repetition] = []
    seconds = settings.share[2] * WARMUP_SHARE
    while len(done) < settings.max_warmup and sum(map(_seconds, done)) < seconds:
        done.append(repeat())
        progress("warm-up", len(done), settings.max_warmup)
        recent = done[-WARMUP_WINDOW:]
        if len(recent) == WARMUP_WINDOW and not any(drifts([one[name][0] for one in recent]) for name in recent[0]):
            break
    return done


def _sample(
    repeat: Callable[[], Repetition], settings: SpeedSettings, seconds: float, progress: Progress
) -> list[Repetition]:
    done: list[Repetition] = []
    least, most, _ = settings.share
    spent = 0.0
    while len(done) < least or (len(done) < most and spent < seconds):
        done.append(repeat())
        spent += _seconds(done[-1])
        affordable = int(len(done) * seconds / spent) if seconds > 0 else 0
        progress("timing", len(done), min(max(affordable, least, len(done)), most))
    return done


def _samples(region: Region, samples: list[tuple[float, bool | None]], warmup_samples: int) -> ProcessSamples:
    flags = [flag for _, flag in samples]
    return ProcessSamples(
        region=region,
        latencies_ms=tuple(latency for latency, _ in samples),
        warmup_samples=warmup_samples,
        throttled=None if None in flags else tuple(index for index, flag in enumerate(flags) if flag),
    )


def _seconds(repetition: Repetition) -> float:
    return sum(latency for latency, _ in repetition.values()) / 1000


def _latency_ms(call: TimedCall, synchronise: Callable[[], None], clock: Clock) -> float:
    synchronise()
    start = clock()
    output = call.run()
    synchronise()
    latency_ms = (clock() - start) * 1000
    require_positive(latency_ms)
    call.inspect(output)
    return latency_ms
