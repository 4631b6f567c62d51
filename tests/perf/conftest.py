import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.cost.latency import SpeedSettings, TimedCall, take
from results.analysis.statistics import of_median

SETTINGS = SpeedSettings(min_samples=9, max_samples=40, seconds_budget=4.0, max_warmup=4)


@pytest.fixture
def ratio(benchmark) -> Callable[[Callable[[], Any], Callable[[], Any]], None]:
    """How many times as long as a reference a function takes, both interleaved in this process on one thread.

    Saved by pytest-benchmark as ``extra_info``: the ratio and its 95 % interval, which ``tests/perf/ratios.py``
    compares with the baseline. Nothing is timed where pytest-benchmark is disabled, as in the normal tests.
    """

    def measure(ours: Callable[[], Any], reference: Callable[[], Any]) -> None:
        benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
        if benchmark.disabled:
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            calls = {"ours": TimedCall("predict", ours), "reference": TimedCall("predict", reference)}
            made = take(calls, SETTINGS, lambda: None)
        finally:
            torch.set_num_threads(threads)
        pairs = zip(made["ours"].latencies_ms, made["reference"].latencies_ms, strict=True)
        estimate = of_median([math.log(one / other) for one, other in pairs])
        for name in ("value", "low", "high"):
            benchmark.extra_info[name] = math.exp(getattr(estimate, name))

    return measure
