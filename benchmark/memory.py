"""Peak memory of one call under any number of probes at once. The probes: ``memory_host`` and ``memory_cuda``."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from results.record import Probe

MIB = 2**20
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
DYNAMIC_CEILING = 32 * MIB  # where glibc's own, growing threshold ends up in a process that frees large blocks


class ProbeAbsentError(Exception):
    """A probe cannot give a figure here; the message becomes the reason in the record."""


class MemoryProbe(Protocol):
    """One way to see a peak. Both methods raise :class:`ProbeAbsentError` where there is no figure to be had."""

    def start(self) -> None:
        """Take the baseline."""

    def stop(self) -> Probe:
        """The peak since ``start``, in MiB."""


def measure(call: Callable[[], object], probes: Mapping[str, MemoryProbe]) -> dict[str, Probe]:
    """Run ``call`` once under all probes, started in their order; an absent one is blank and says why.

    Freed memory is given back to the system first, and during the run every block of 1 MiB or more is returned as soon
    as it is freed, so that the figures depend on the call and not on what the process did before.
    """
    with _blocks_returned():
        release()
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


def release() -> None:
    """Collect garbage and hand freed heap back to the system where the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def _blocks_returned() -> Iterator[None]:
    """Make glibc map blocks of 1 MiB and more one by one: freed, they leave the process at once.

    By default that threshold grows with the blocks freed so far, up to 32 MiB, and the same call peaks higher after
    some others. It cannot be read, so it is left where it ends up by itself in a process that frees such blocks.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: its allocator is taken as it is
        yield
        return
    mallopt(MMAP_THRESHOLD, MIB)
    try:
        yield
    finally:
        mallopt(MMAP_THRESHOLD, DYNAMIC_CEILING)


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
