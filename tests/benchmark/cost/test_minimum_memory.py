import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch

from benchmark.cost.memory import limit, minimum
from benchmark.cost.memory.minimum import RESOLUTION, TrialError, search, smallest_budget
from benchmark.errors import ProbeUnavailableError
from results.cell import Protocol
from tests.benchmark.tiny import TinySystem

IMAGE = np.zeros((40, 56, 3), np.uint8)
PROTOCOL = Protocol(kind="cost", height=40, width=56, threads=1, timed_regions=("predict",))
ON_LINUX = pytest.mark.skipif(not limit.STATUS.is_file(), reason="RLIMIT_DATA is Linux's")


class Hungry(TinySystem):
    """Takes 160 MiB beside its 40 MiB of weights."""

    def __init__(self):
        super().__init__()
        self.heavy = torch.nn.Parameter(torch.ones(40 * 2**18))

    def logits(self, image):
        block = torch.ones(160 * 2**18)
        return super().logits(image) + block[-1] - 1


@pytest.mark.parametrize("least", [1.0, 15.9, 16.0, 100.0, 777.7])
def test_the_search_finds_the_least_that_fits(least):
    tried = []
    found = search(lambda value: tried.append(value) or value >= least, 16.0, 1000.0)
    assert least <= found <= least * (1 + 2 * RESOLUTION)
    assert len(tried) < 2 + math.log2(1000 / 16) + math.log2(1 / RESOLUTION) + 8


def test_what_fits_nowhere_is_tried_at_the_limit_and_has_no_figure():
    tried = []
    assert search(tried.append, 16.0, 100.0) is None
    assert tried == [16.0, 32.0, 64.0, 100.0]


def of_hungry(machine_mib):
    """The budget as a cell's process finds it: what earlier tests left in this one's heap would hide allocations."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_of_hungry, machine_mib).result()


def _of_hungry(machine_mib):
    minimum.machine_mib = lambda: machine_mib
    return smallest_budget(lambda: (Hungry(), IMAGE), PROTOCOL, "cpu")


@pytest.mark.slow
@ON_LINUX
def test_weights_and_a_known_allocation_are_the_budget_within_two_percent():
    found = of_hungry(2000.0)
    assert found.mib == pytest.approx(200, rel=0.02)
    assert "bisection to 1%" in found.method


@ON_LINUX
def test_a_trial_that_fails_otherwise_is_an_error_and_no_budget(capfd):
    class Broken(TinySystem):
        def predict(self, image):
            raise KeyError("broken")

    with pytest.raises(TrialError, match="not for lack of memory"):
        smallest_budget(lambda: (Broken(), IMAGE), PROTOCOL, "cpu")
    assert "KeyError: 'broken'" in capfd.readouterr().err


@pytest.mark.slow
@ON_LINUX
def test_a_net_that_needs_more_than_there_is_has_a_reason_and_no_figure():
    found = of_hungry(60.0)
    assert (found.mib, found.reason) == (None, "it does not run in all the memory of this machine")


def test_where_no_limit_can_be_set_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(limit, "STATUS", tmp_path / "missing")
    with pytest.raises(ProbeUnavailableError, match="not Linux"):
        limit.cap_host(100)
    found = smallest_budget(lambda: (TinySystem(), IMAGE), PROTOCOL, "cpu")
    assert (found.mib, found.reason) == (None, "the memory of a process cannot be limited on this operating system")


def test_the_machines_memory_is_no_more_than_its_control_group_allows(monkeypatch, tmp_path):
    assert limit.machine_mib() > 100
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text(f"{64 * 2**20}\n")
    monkeypatch.setattr(limit, "CGROUP_LIMITS", (tmp_path / "max", tmp_path / "limit", tmp_path / "missing"))
    assert limit.machine_mib() == 64


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_a_process_is_kept_to_its_share():
    limit.cap_device(256)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(512 * 2**20, dtype=torch.uint8, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
