"""Peak resident memory of this process over its size before the call, measured in three ways."""

from __future__ import annotations

from pathlib import Path

import psutil

from benchmark.cost.memory.probes import MemoryProbe, Sampled
from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB
from results.record import MemoryReading


def resident_mib() -> float:
    """Resident set size of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / MIB


class HighWaterMark:
    """The kernel's own peak (VmHWM), reset through ``/proc/self/clear_refs``: Linux, where that file is writable."""

    def start(self) -> None:
        """Reset the mark to the present resident size.

        Raises:
            ProbeUnavailableError: this is not Linux, or the file is not writable (as in some containers).
        """
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError as error:
            raise ProbeUnavailableError(f"the kernel's high-water mark cannot be reset: {error}") from error
        self.idle_mib = _status_mib("VmRSS")

    def stop(self) -> MemoryReading:
        """Mark minus idle."""
        return MemoryReading(mib=_over_idle(_status_mib("VmHWM"), self.idle_mib), method="kernel high-water mark")


def _over_idle(peak_mib: float, idle_mib: float) -> float:
    """The difference, at least 0: a small call may free pages before the first reading of its peak."""
    return max(0.0, peak_mib - idle_mib)


def _status_mib(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


class ResourceUsage:
    """The peak over the life of the process (``getrusage``): a value only where this call set a new peak."""

    def start(self) -> None:
        """Note the present size and the peak so far.

        Raises:
            ProbeUnavailableError: this is not a Unix system.
        """
        self.idle_mib, self.before_mib = resident_mib(), _lifetime_peak_mib()

    def stop(self) -> MemoryReading:
        """New peak minus idle.

        Raises:
            ProbeUnavailableError: an earlier peak of the process hides this call's.
        """
        peak_mib = _lifetime_peak_mib()
        if peak_mib <= self.before_mib:
            raise ProbeUnavailableError("getrusage: an earlier peak of the process was higher than this call's")
        return MemoryReading(mib=_over_idle(peak_mib, self.idle_mib), method="getrusage")


def _lifetime_peak_mib() -> float:
    try:
        import resource
    except ImportError as error:
        raise ProbeUnavailableError("this operating system has no getrusage") from error
    unit = 1 if psutil.MACOS else 1024  # macOS counts bytes, the others KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


class SampledResident:
    """Resident memory as a thread reads it every millisecond: works everywhere, but may miss a short peak."""

    def start(self) -> None:
        """Start the thread, then take the baseline, so that the thread's own memory is in it and not in the peak."""
        self.sampled = Sampled(resident_mib, 0.001, "sampled every ms")
        self.sampled.start()
        self.idle_mib = resident_mib()

    def stop(self) -> MemoryReading:
        """Highest reading minus idle."""
        reading = self.sampled.stop()
        assert reading.mib is not None
        return MemoryReading(mib=_over_idle(reading.mib, self.idle_mib), method=reading.method)


def host_probes() -> dict[str, MemoryProbe]:
    """All three, the least exact first, because its thread must start before the others take their baseline."""
    return {"sampled": SampledResident(), "getrusage": ResourceUsage(), "high_water_mark": HighWaterMark()}
