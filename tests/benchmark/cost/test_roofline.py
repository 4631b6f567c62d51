import itertools

import pytest
import torch

from benchmark.cost import roofline
from results.record import Ceilings
from tests.results.records import cost


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 2)


def test_the_ceilings_are_the_fastest_product_and_copy():
    durations = itertools.chain([9.0], [0.5, 0.25] * 3, [0.5], [9.0], [0.2, 0.1] * 3, [0.2])  # the first is not counted
    ticks = iter(time for start, duration in enumerate(durations) for time in (100.0 * start, 100.0 * start + duration))
    found = roofline.ceilings("cpu", lambda: None, lambda: next(ticks))
    assert found.matmul_tflops == pytest.approx(2 * 64**3 / 0.25 / 1e12)
    assert found.copy_gb_s == pytest.approx(2 * 2 * 2**20 / 0.1 / 1e9)
    assert next(ticks, None) is None


def test_the_product_is_in_the_precision_of_the_protocol(monkeypatch):
    seen = []
    monkeypatch.setattr(roofline, "_fastest_s", lambda call, *_: seen.append(call().dtype) or 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        roofline.ceilings("cpu", lambda: None)
    assert seen[0] == torch.bfloat16


def changed(**changes):
    ceilings = Ceilings(matmul_tflops=2.0, copy_gb_s=10.0)
    return cost(median_ms=100.0).model_copy(update={"flops": 100 * 10**9, "ceilings": ceilings, **changes})


def test_many_flops_a_byte_are_bound_by_the_product():
    made = changed(bytes_moved=10**8)  # 1000 FLOPs a byte
    assert made.attainable_tflops == 2.0
    assert made.roofline_fraction == pytest.approx(0.5)  # 1 TFLOP/s of 2


def test_few_flops_a_byte_are_bound_by_the_copy():
    made = changed(bytes_moved=10**9)  # 100 FLOPs a byte at 10 GB/s
    assert made.attainable_tflops == pytest.approx(1.0)
    assert made.roofline_fraction == pytest.approx(1.0)


@pytest.mark.parametrize("missing", ["flops", "bytes_moved", "ceilings"])
def test_without_a_count_or_a_ceiling_there_is_no_fraction(missing):
    assert changed(**{"bytes_moved": 10**8, missing: None}).roofline_fraction is None
