import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.analysis.latency_statistics import TimingError, drifts, percentile, summarise
from results.analysis.statistics import FEWEST

DISTINCT = [7.0, 1.0, 5.0, 3.0, 9.0, 2.0, 8.0, 4.0, 6.0, 10.0]


def test_percentiles_are_measured_values_by_nearest_rank():
    assert [percentile(DISTINCT, p) for p in (1, 50, 90, 91, 99, 100)] == [1, 5, 9, 10, 10, 10]


@given(st.lists(st.floats(0.01, 1e4), min_size=FEWEST, max_size=60).filter(lambda values: len(set(values)) > 1))
def test_the_summary_is_in_order_and_keeps_the_raw_samples(latencies):
    made = summarise("predict", latencies, 3)
    assert made.latencies_ms == tuple(latencies)
    assert made.median_ms == statistics.median(latencies)
    assert min(latencies) <= made.median_low_ms <= made.median_ms <= made.median_high_ms <= made.p99_ms
    assert made.p90_ms <= made.p99_ms
    assert made.warmup_samples == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_impossible_latencies_are_refused(bad):
    with pytest.raises(TimingError, match=f"a latency of {bad} ms"):
        summarise("predict", [*DISTINCT, bad], 0)


def test_constant_latencies_are_refused():
    with pytest.raises(TimingError, match=r"all 8 latencies of 'forward' are 2.0 ms"):
        summarise("forward", [2.0] * 8, 0)


@pytest.mark.parametrize("per_sample", [0.02, -0.02, 0.001])
def test_a_material_trend_is_drift(per_sample):
    assert drifts([100 * (1 + per_sample) ** n for n in range(60)])


def test_a_trend_too_small_to_matter_is_none():
    assert not drifts([100 + 0.001 * n for n in range(60)])


def test_noise_outliers_and_a_slow_first_sample_are_no_drift():
    noise = np.random.default_rng(2).normal(100, 8, 60)
    noise[[0, 30]] = 1000
    assert not drifts(noise)


def test_false_alarms_on_noise_stay_under_five_percent():
    draws = np.random.default_rng(3).lognormal(sigma=0.2, size=(2000, FEWEST))
    assert np.mean([drifts(draw) for draw in draws]) < 0.05
