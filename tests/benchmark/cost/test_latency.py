import itertools
import math

import numpy as np
import pytest

from benchmark.cost.latency import SpeedSettings, TimedCall, take
from results.analysis.latency_statistics import TimingError, merged

SETTINGS = SpeedSettings(min_samples=10, max_samples=40, seconds_budget=3.0, max_warmup=20)


def nothing():
    pass


def sample_interleaved(calls, settings, synchronise, clock, **options):
    """What a record says of the samples of one process."""
    return {name: merged([one]) for name, one in take(calls, settings, synchronise, clock, **options).items()}


def sample(call, settings, synchronise, clock):
    return sample_interleaved({"only": call}, settings, synchronise, clock)["only"]


def ticking(latencies):
    """A clock that stands still but for the given latencies, one for each pair of looks."""
    now = 0.0
    for latency in latencies:
        yield now
        now += latency
        yield now


def clock_of(latencies):
    return ticking(latencies).__next__


class FakeClock:
    """A clock that moves by what is spent."""

    def __init__(self):
        self.now = 0.0

    def spend(self, seconds):
        self.now += seconds

    def __call__(self):
        return self.now


def jitter(centre, spread=0.01):
    return (centre * factor for factor in np.random.default_rng(4).normal(1, spread, 10_000))


def test_sampling_stops_when_the_seconds_are_spent_or_at_the_maximum():
    slow = sample(TimedCall("predict", nothing), SETTINGS, nothing, clock_of(jitter(0.1)))
    fast = sample(TimedCall("predict", nothing), SETTINGS, nothing, clock_of(jitter(0.001)))
    assert (slow.warmup_samples, len(slow.latencies_ms)) == (6, pytest.approx(24, abs=1))
    assert (fast.warmup_samples, len(fast.latencies_ms)) == (6, 40)


def test_a_slow_net_still_gets_its_minimum_and_says_how_little_it_was_warmed_up():
    made = sample(TimedCall("predict", nothing), SETTINGS, nothing, clock_of(jitter(10)))
    assert (made.warmup_samples, len(made.latencies_ms)) == (1, 10)


def test_warm_up_goes_on_until_the_drift_is_over():
    falling = (0.01 * 0.7**n for n in range(12))
    made = sample(TimedCall("predict", nothing), SETTINGS, nothing, clock_of(itertools.chain(falling, jitter(2e-4))))
    assert 12 < made.warmup_samples < 20
    assert made.steady


def test_a_drifting_clock_never_settles_and_the_samples_say_so():
    made = sample(
        TimedCall("predict", nothing), SETTINGS, nothing, clock_of(0.001 * 1.02**n for n in itertools.count())
    )
    assert made.warmup_samples == SETTINGS.max_warmup
    assert not made.steady


@pytest.mark.parametrize("bad", [math.nan, -0.01, 0.0])
def test_a_clock_that_lies_is_an_error(bad):
    with pytest.raises(TimingError):
        sample(TimedCall("predict", nothing), SETTINGS, nothing, clock_of(itertools.repeat(bad)))


def test_a_clock_that_is_too_coarse_is_an_error():
    ticks = itertools.count()
    with pytest.raises(TimingError, match="the clock is too coarse"):
        sample(TimedCall("predict", nothing), SETTINGS, nothing, lambda: float(next(ticks)))


@pytest.mark.parametrize("change", [{"min_samples": 5}, {"max_samples": 9}, {"max_warmup": -1}])
def test_settings_that_cannot_give_a_figure_are_refused(change):
    limits = {"min_samples": 10, "max_samples": 40, "seconds_budget": 3.0, "max_warmup": 20}
    with pytest.raises(ValueError, match="samples"):
        SpeedSettings(**{**limits, **change})


def test_rounds_run_every_call_once_in_changing_order_between_synchronised_looks():
    events, seen = [], []
    calls = {
        name: TimedCall("predict", lambda name=name: events.append(name) or name, seen.append)
        for name in ("a", "b", "c")
    }
    made = sample_interleaved(calls, SETTINGS, lambda: events.append("sync"), clock_of(jitter(0.001)))
    assert events[::3] == events[2::3] == ["sync"] * (len(events) // 3)
    order = events[1::3]
    rounds = [tuple(order[n : n + 3]) for n in range(0, len(order), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) == 6
    assert seen == order
    assert {len(samples.latencies_ms) for samples in made.values()} == {40}


def test_a_slow_spell_of_the_machine_falls_on_both_of_two_equal_calls():
    spell = (value * (3 if 30 < n < 60 else 1) for n, value in enumerate(jitter(0.001)))
    calls = {name: TimedCall("predict", nothing) for name in ("a", "b")}
    made = sample_interleaved(calls, SETTINGS, nothing, clock_of(spell))
    assert made["a"].median_ms == pytest.approx(made["b"].median_ms, rel=0.02)


def test_the_run_is_timed_and_its_inspection_is_not():
    clock = FakeClock()
    call = TimedCall("predict", lambda: clock.spend(0.002), lambda _: clock.spend(0.05))
    assert sample(call, SETTINGS, nothing, clock).latencies_ms == pytest.approx([2.0] * 40)


def test_progress_is_told_in_rounds():
    told = []
    call = {"a": TimedCall("predict", nothing)}
    sample_interleaved(call, SETTINGS, nothing, clock_of(jitter(0.001)), progress=lambda *news: told.append(news))
    assert told[0] == ("warm-up", 1, 20)
    assert told[-1] == ("timing", 40, 40)
    assert all(done <= total for _, done, total in told)
