"""What a profile says of a net whose work is known by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.cost import roofline
from benchmark.cost.profiler import REST, profiled
from benchmark.cost.timed_system import TimedSystem
from results.cell import Protocol
from tests.benchmark.tiny import TinySystem

IMAGE = np.random.default_rng(5).integers(0, 256, (40, 56, 3), dtype=np.uint8)
MIB = 2**20


@pytest.fixture(autouse=True)
def small_ceilings(monkeypatch):
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 1)


def profile_of(system):
    protocol = Protocol(kind="cost", height=40, width=56, timed_regions=("predict",))
    with torch.inference_mode():
        return profiled(TimedSystem(system, IMAGE, protocol, "cpu"), "a CPU")


def test_flops_are_those_of_the_module_that_did_them():
    found = profile_of(TinySystem())
    parts = {part.path: part for part in found.parts(2)}
    assert parts[("body", "0")].flops == 2 * 27 * 8 * 20 * 28
    assert parts[("head",)].flops == 2 * 8 * 3 * 20 * 28
    assert parts[()].flops == parts[("body",)].flops + parts[("head",)].flops
    assert parts[(REST,)].flops == 0
    assert parts[()].seconds == pytest.approx(sum(one.seconds for one in found.operations))


def test_a_module_that_runs_twice_counts_twice():
    class Twice(TinySystem):
        def forward(self, image):
            return super().forward(image) + super().forward(image)

    once, twice = profile_of(TinySystem()), profile_of(Twice())
    calls = [sum(one.calls for one in found.operations if one.operator == "convolution") for found in (once, twice)]
    assert calls[1] == 2 * calls[0] > 0


def test_the_peak_is_of_tensors_that_live_at_one_time():
    class Hungry(nn.Module):
        def forward(self, image):
            kept = torch.ones(3 * MIB // 4)
            for _ in range(5):
                torch.ones(2 * MIB // 4).relu_()  # each dies before the next
            return image + kept[-1] - 1

    class Fed(TinySystem):
        def __init__(self):
            super().__init__()
            self.hungry = Hungry()

        def forward(self, image):
            return super().forward(self.hungry(image))

    peaks = {part.path: part.peak_mib for part in profile_of(Fed()).parts(1)}
    assert 5.0 <= peaks[("hungry",)] < 5.5
    assert peaks[()] == max(peaks.values())
    assert peaks[("head",)] < 1.0


def test_the_largest_saving_is_the_operator_that_is_furthest_from_the_roofline():
    class Slow(TinySystem):
        def forward(self, image):
            for _ in range(300):
                torch.linalg.svd(image[0, 0])
            return super().forward(image)

    saving = profile_of(Slow()).savings()[0]
    assert "svd" in saving.operator
    assert 0 < saving.seconds <= saving.of_seconds
