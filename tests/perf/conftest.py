from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.speed import SpeedSettings, TimedCall, sample_interleaved

SETTINGS = SpeedSettings(min_samples=9, max_samples=40, seconds_budget=4.0, max_warmup=4)


@pytest.fixture
def ratio(benchmark) -> Callable[[Callable[[], Any], Callable[[], Any]], float]:
    """How many times the reference's median a function takes, both interleaved in this process on one thread.

    Written to the saved JSON as ``extra_info.ratio``. Nan where pytest-benchmark is disabled, as in the normal tests.
    """

    def measure(ours: Callable[[], Any], reference: Callable[[], Any]) -> float:
        benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
        if benchmark.disabled:
            return float("nan")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            calls = {"ours": TimedCall("predict", ours), "reference": TimedCall("predict", reference)}
            made = sample_interleaved(calls, SETTINGS, lambda: None)
        finally:
            torch.set_num_threads(threads)
        benchmark.extra_info["ratio"] = made["ours"].median_ms / made["reference"].median_ms
        return float(benchmark.extra_info["ratio"])

    return measure
