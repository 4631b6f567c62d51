"""The smallest memory budget in which one ``predict`` call runs: a bisection, each trial in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections.abc import Callable

import torch

from benchmark.cost.latency import Progress
from benchmark.cost.memory.limit import cap_device, cap_host, machine_mib, writable_mib
from benchmark.cost.timed_system import Image, TimedSystem
from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB, freed_memory_returned
from benchmark.machine.oom import is_out_of_memory
from benchmark.machine.torch_settings import measurement_mode
from benchmark.system import System
from results.cell import Protocol
from results.record import MemoryReading

RESOLUTION = 0.01  # of the result
FIRST_MIB = 16.0
MORE_THAN_ANY_GPU_MIB = 2.0**20
FITS, TOO_SMALL, NO_LIMIT = 0, 3, 4  # exit statuses of a trial
Inputs = Callable[[], tuple[System, Image]]


class TrialError(RuntimeError):
    """A trial failed for another reason than lack of memory."""


def smallest_budget(
    inputs: Inputs, protocol: Protocol, device: str, progress: Progress = lambda *_: None
) -> MemoryReading:
    """The least memory for weights, input and one ``predict`` call, or the reason why it could not be found.

    On a CPU: weights, input and the private writable memory that the call may add (RLIMIT_DATA). On a GPU: what torch's
    allocator reserves; the CUDA context comes on top. Call it in a process that has not started a thread or used the
    device, because the trials are forked from it.

    Raises:
        TrialError: a trial failed for another reason than lack of memory.
    """
    trials = 0

    def fits(mib: float) -> bool:
        nonlocal trials
        trials += 1
        progress("budget", trials, trials + 1)
        return _fits(mib, inputs, protocol, device)

    try:
        least = search(fits, FIRST_MIB, machine_mib() if device == "cpu" else MORE_THAN_ANY_GPU_MIB)
    except ProbeUnavailableError as error:
        return MemoryReading(reason=str(error))
    if least is None:
        return MemoryReading(reason="it does not run in all the memory of this machine")
    return MemoryReading(
        mib=least, method=f"bisection to {RESOLUTION:.0%} in {trials} trials, each with a memory limit"
    )


def search(fits: Callable[[float], bool], first: float, limit: float) -> float | None:
    """The smallest value that fits, at most ``RESOLUTION`` too high; None if nothing up to ``limit`` fits.

    Doubles from ``first`` until one fits, then bisects. ``fits`` must be monotonic, but for noise.
    """
    low, high = 0.0, first
    while not fits(min(high, limit)):
        if high >= limit:
            return None
        low, high = high, 2 * high
    high = min(high, limit)
    while high - low > RESOLUTION * high:
        middle = (low + high) / 2
        if fits(middle):
            high = middle
        else:
            low = middle
    return high


def _fits(mib: float, inputs: Inputs, protocol: Protocol, device: str) -> bool:
    process = multiprocessing.get_context("fork").Process(target=_trial, args=(mib, inputs, protocol, device))
    process.start()
    process.join()
    status = process.exitcode or 0
    if status == NO_LIMIT:
        raise ProbeUnavailableError("the memory of a process cannot be limited on this operating system")
    if status > 0 and status != TOO_SMALL:
        raise TrialError(f"a trial with {mib:.0f} MiB ended with status {status}, not for lack of memory; see above")
    return status == FITS  # native code that gets no memory may end its process by a signal


def _trial(mib: float, inputs: Inputs, protocol: Protocol, device: str) -> None:
    """The entire life of a trial's process; its exit status is the result."""
    try:
        with measurement_mode(protocol, device), torch.inference_mode(), freed_memory_returned():
            _run_capped(mib, inputs, protocol, device)
    except ProbeUnavailableError:
        sys.exit(NO_LIMIT)
    except Exception as error:
        if is_out_of_memory(error):
            sys.exit(TOO_SMALL)
        raise


def _run_capped(mib: float, inputs: Inputs, protocol: Protocol, device: str) -> None:
    system, image = inputs()
    if device == "cuda":
        cap_device(mib)
        timed = TimedSystem(system, image, protocol, device)
        timed.system.predict(timed.batch)
        torch.cuda.synchronize()
        return
    timed = TimedSystem(system, image, protocol, device)
    spare_mib = mib - (timed.weights_bytes + timed.batch.nbytes) / MIB
    if spare_mib < 0:
        sys.exit(TOO_SMALL)
    torch.ones(2**20).add_(1)  # starts torch's threads, so that their stacks are not counted as the call's
    gc.collect()
    cap_host(writable_mib() + spare_mib)
    timed.system.predict(timed.batch)
