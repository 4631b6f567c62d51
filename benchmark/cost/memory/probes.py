"""Peak memory of one call, measured by any number of probes at once. The probes are in ``host`` and ``cuda``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import freed_memory_returned
from results.record import MemoryReading


class MemoryProbe(Protocol):
    """One way to measure a peak. Both methods raise :class:`ProbeUnavailableError` where it does not work."""

    def start(self) -> None:
        """Take the baseline."""

    def stop(self) -> MemoryReading:
        """The peak since ``start``."""


def peak_readings(call: Callable[[], object], probes: Mapping[str, MemoryProbe]) -> dict[str, MemoryReading]:
    """Run ``call`` once under all probes, started in their order; one that does not work gives its reason.

    Freed host memory is returned to the system meanwhile, so that a peak depends on the call alone and not on what the
    process did before.
    """
    with freed_memory_returned():
        failed = {name: _attempt(probe.start) for name, probe in probes.items()}
        try:
            call()
        finally:
            readings = {name: failed[name] or _attempt(probe.stop) for name, probe in probes.items()}
    return {name: reading for name, reading in readings.items() if reading}


def _attempt(step: Callable[[], MemoryReading | None]) -> MemoryReading | None:
    try:
        return step()
    except ProbeUnavailableError as error:
        return MemoryReading(reason=str(error))


def first_value(readings: Iterable[MemoryReading]) -> MemoryReading:
    """The first reading with a value, or one with the reasons of all.

    Args:
        readings: of the same peak by several probes, the most exact probe first.

    Returns:
        The most exact value. If no probe worked, a reading without value that gives each probe's reason.
    """
    tried = list(readings)
    failed = MemoryReading(reason="; ".join(reading.reason for reading in tried))
    return next((reading for reading in tried if reading.mib is not None), failed)


class Sampled:
    """The highest value that a thread read while the call ran, with one reading before and one after."""

    def __init__(self, read_mib: Callable[[], float], interval_s: float, method: str) -> None:
        self.read_mib, self.interval_s, self.method = read_mib, interval_s, method

    def start(self) -> None:
        """Take the first reading, and start the thread.

        Raises:
            ProbeUnavailableError: the value cannot be read; no thread is started.
        """
        self.peak_mib = self.read_mib()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._poll, daemon=True)
        self.thread.start()

    def _poll(self) -> None:
        while not self.ended.wait(self.interval_s):
            with contextlib.suppress(ProbeUnavailableError):  # if it lasts, the last reading raises it again
                self.peak_mib = max(self.peak_mib, self.read_mib())

    def stop(self) -> MemoryReading:
        """Take the last reading, after the thread has ended.

        Raises:
            ProbeUnavailableError: the value can no longer be read.
        """
        self.ended.set()
        self.thread.join()
        return MemoryReading(mib=max(self.peak_mib, self.read_mib()), method=self.method)
