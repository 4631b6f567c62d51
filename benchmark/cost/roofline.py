"""What a device can reach: the ceilings to which a system's FLOP/s are compared, measured in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmark.cost.latency import Clock
from results.record import Ceilings

MATRIX = {"cpu": 1024, "cuda": 8192}  # side; large enough that the launch of the kernel does not matter
COPY_MIB = {"cpu": 128, "cuda": 512}  # beyond any cache
REPEATS = 7


def ceilings(device: str, synchronise: Callable[[], None], clock: Clock = time.perf_counter) -> Ceilings:
    """The fastest of ``REPEATS`` large matrix products and copies, after one of each as warm-up.

    The product is in the precision of the surrounding measurement mode. A copy of n bytes moves 2 n.
    """
    side, count = MATRIX[device], COPY_MIB[device] * 2**20
    left, right = torch.rand(side, side, device=device), torch.rand(side, side, device=device)
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product_s = _fastest_s(lambda: left @ right, synchronise, clock)
    copy_s = _fastest_s(lambda: target.copy_(source), synchronise, clock)
    return Ceilings(matmul_tflops=2 * side**3 / product_s / 1e12, copy_gb_s=2 * count / copy_s / 1e9)


def _fastest_s(call: Callable[[], object], synchronise: Callable[[], None], clock: Clock) -> float:
    seconds = []
    for _ in range(1 + REPEATS):
        synchronise()
        start = clock()
        call()
        synchronise()
        seconds.append(clock() - start)
    return min(seconds[1:])
