"""The real clock: a system that sleeps for a known time is measured within two percent in each timed region."""

import statistics
import time

import numpy as np
import pytest

from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import measure
from results.cell import Protocol
from tests.benchmark.tiny import TinySystem

REGIONS = ("logits", "full_logits", "predict", "end_to_end")


def test_a_system_that_sleeps_is_measured_within_two_percent_in_each_region(request):
    if request.config.getoption("--benchmark-disable"):
        pytest.skip("reads a clock, so it runs where speed is tested")
    slept_ms = []  # a busy machine wakes late: what is known is how long the sleep was

    class Sleepy(TinySystem):
        def logits(self, image):
            start = time.perf_counter()
            time.sleep(0.1)
            slept_ms.append((time.perf_counter() - start) * 1000)
            return image

    protocol = Protocol(kind="cost", height=40, width=56, threads=1, timed_regions=REGIONS)
    settings = SpeedSettings(min_samples=9, max_samples=9, seconds_budget=3, max_warmup=2)
    made = measure(Sleepy(), np.zeros((40, 56, 3), np.uint8), protocol, settings, "cpu")
    medians = {samples.region: samples.median_ms for samples in made.samples}
    assert medians == pytest.approx(dict.fromkeys(REGIONS, statistics.median(slept_ms)), rel=0.02)
