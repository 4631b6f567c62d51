"""The least memory in which one ``predict`` call still runs: a search by halves, each trial in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections.abc import Callable

import torch

from benchmark.cost.latency import Progress
from benchmark.cost.memory.limit import cap_device, cap_host, machine_mb, writable_mb
from benchmark.cost.timed_system import Image, Subject
from benchmark.errors import ProbeAbsentError
from benchmark.machine.allocator import MIB, forgetful_heap
from benchmark.machine.oom import is_out_of_memory
from benchmark.machine.torch_settings import measurement_mode
from benchmark.system import System
from results.cell import Protocol
from results.record import Probe

RESOLUTION = 0.01  # of the figure
FIRST_MB = 16.0
MORE_THAN_ANY_GPU_MB = 2.0**20
FITS, TOO_SMALL, NO_LIMIT = 0, 3, 4  # exit statuses of a trial
Inputs = Callable[[], tuple[System, Image]]


class TrialError(RuntimeError):
    """A trial ended in a way that has nothing to do with memory."""


def smallest_budget(inputs: Inputs, protocol: Protocol, device: str, progress: Progress = lambda *_: None) -> Probe:
    """MiB that weights, input and one ``predict`` call need at the least, or why there is no figure.

    On a CPU: weights, input and the private writable memory that the call may add (RLIMIT_DATA). On a GPU: what torch's
    allocator reserves; the CUDA context comes on top. To be called from a process that has started no thread and no
    device, since the trials are forked from it.

    Raises:
        TrialError: a trial failed otherwise than for want of memory.
    """
    trials = 0

    def fits(mib: float) -> bool:
        nonlocal trials
        trials += 1
        progress("budget", trials, trials + 1)
        return _fits(mib, inputs, protocol, device)

    try:
        least = search(fits, FIRST_MB, machine_mb() if device == "cpu" else MORE_THAN_ANY_GPU_MB)
    except ProbeAbsentError as absent:
        return Probe(reason=str(absent))
    if least is None:
        return Probe(reason="it does not run in all the memory that there is")
    return Probe(mib=least, method=f"least cap of {trials} that it ran under, by halves to {RESOLUTION:.0%}")


def search(fits: Callable[[float], bool], first: float, limit: float) -> float | None:
    """The least value that fits, at most ``RESOLUTION`` too high; None if nothing up to ``limit`` does.

    Doubles from ``first`` until one fits, then halves the gap. ``fits`` must be monotonic, but for noise.
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
        raise ProbeAbsentError("this system does not limit the memory of a process")
    if status > 0 and status != TOO_SMALL:
        raise TrialError(f"a trial with {mib:.0f} MiB ended with status {status}, not for want of memory; see above")
    return status == FITS  # native code that gets no memory may end its process by a signal


def _trial(mib: float, inputs: Inputs, protocol: Protocol, device: str) -> None:
    """The whole life of a trial's process; its exit status says how it went."""
    try:
        with measurement_mode(protocol, device), torch.inference_mode(), forgetful_heap():
            _run_capped(mib, inputs, protocol, device)
    except ProbeAbsentError:
        sys.exit(NO_LIMIT)
    except Exception as error:
        if is_out_of_memory(error):
            sys.exit(TOO_SMALL)
        raise


def _run_capped(mib: float, inputs: Inputs, protocol: Protocol, device: str) -> None:
    system, image = inputs()
    if device == "cuda":
        cap_device(mib)
        subject = Subject(system, image, protocol, device)
        subject.system.predict(subject.batch)
        torch.cuda.synchronize()
        return
    subject = Subject(system, image, protocol, device)
    loaded = [*subject.system.parameters(), *subject.system.buffers(), subject.batch]
    spare_mib = mib - sum(tensor.nbytes for tensor in loaded) / MIB
    if spare_mib < 0:
        sys.exit(TOO_SMALL)
    torch.ones(2**20).add_(1)  # starts torch's threads: their stacks are not the call's
    gc.collect()
    cap_host(writable_mb() + spare_mib)
    subject.system.predict(subject.batch)
