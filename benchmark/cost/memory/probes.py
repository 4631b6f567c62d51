"""Peak memory of one call under any number of probes at once. The probes: ``memory_host`` and ``memory_cuda``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from benchmark.errors import ProbeAbsentError
from benchmark.machine.allocator import forgetful_heap
from results.record import Probe


class MemoryProbe(Protocol):
    """One way to see a peak. Both methods raise :class:`ProbeAbsentError` where there is no figure to be had."""

    def start(self) -> None:
        """Take the baseline."""

    def stop(self) -> Probe:
        """The peak since ``start``, in MiB."""


def measure(call: Callable[[], object], probes: Mapping[str, MemoryProbe]) -> dict[str, Probe]:
    """Run ``call`` once under all probes, started in their order; an absent one is blank and says why.

    The run has a forgetful heap, so that the figures depend on the call and not on what the process did before.
    """
    with forgetful_heap():
        blank = {name: _start(probe) for name, probe in probes.items()}
        try:
            call()
        finally:
            readings = {name: blank[name] or _stop(probe) for name, probe in probes.items()}
    return readings


def _start(probe: MemoryProbe) -> Probe | None:
    """Start a probe; a blank reading where it is absent."""
    try:
        probe.start()
    except ProbeAbsentError as absent:
        return Probe(reason=str(absent))
    return None


def _stop(probe: MemoryProbe) -> Probe:
    try:
        return probe.stop()
    except ProbeAbsentError as absent:
        return Probe(reason=str(absent))


def first_figure(readings: Iterable[Probe]) -> Probe:
    """The first reading that is not blank, or a blank one with all reasons."""
    tried = list(readings)
    blank = Probe(reason="; ".join(reading.reason for reading in tried))
    return next((reading for reading in tried if reading.mib is not None), blank)


class Sampled:
    """The highest value that a thread saw while the call ran, with one look before and one after."""

    def __init__(self, read: Callable[[], float], interval_s: float, method: str) -> None:
        self.read, self.interval_s, self.method = read, interval_s, method

    def start(self) -> None:
        """Take the first look, and keep looking."""
        self.peak_mb = self.read()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(self.interval_s):
            with contextlib.suppress(ProbeAbsentError):  # a lasting absence shows in the last look
                self.peak_mb = max(self.peak_mb, self.read())

    def stop(self) -> Probe:
        """Take the last look, after the thread has ended."""
        self.ended.set()
        self.thread.join()
        return Probe(mib=max(self.peak_mb, self.read()), method=self.method)
