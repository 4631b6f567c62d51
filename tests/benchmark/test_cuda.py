"""What only a GPU can show; skipped where there is none."""

import pytest
import torch

from benchmark import registry
from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import measure
from benchmark.run.cost_cell import image_of
from results.cell import Protocol

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SETTINGS = SpeedSettings(min_samples=30, max_samples=100, seconds_budget=10.0, max_warmup=50)


def cost_of(side):
    protocol = Protocol(kind="cost", height=side, width=side, timed_regions=("predict",), input="noise")
    torch.manual_seed(0)
    return measure(registry.build(registry.card("isdnet"), 7), image_of(protocol), protocol, SETTINGS, "cuda")


def test_three_repeats_of_the_speed_at_full_size_agree_within_two_percent():
    speeds = [cost_of(2448).fps for _ in range(3)]
    assert max(speeds) <= 1.02 * min(speeds)


def test_every_field_of_a_gpu_run_has_a_figure_or_a_reason():
    made = cost_of(512)
    assert made.memory.peak_allocated_mib.mib > 0
    assert made.memory.peak_reserved_mib.mib >= made.memory.peak_allocated_mib.mib
    assert all(reading.mib or reading.reason for reading in dict(made.memory).values())
    seen = made.telemetry
    assert seen.readings or seen.reason
    assert (made.samples[0].throttled is None) == (seen.throttle_reasons is None)
    assert 0 < made.roofline_fraction < 2
