"""Peak resident memory of this process over what was resident before the call, read three ways."""

from __future__ import annotations

from pathlib import Path

import psutil

from benchmark.cost.memory.probes import MemoryProbe, Sampled
from benchmark.errors import ProbeAbsentError
from benchmark.machine.allocator import MIB
from results.record import Probe


def resident_mb() -> float:
    """Resident set size of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / MIB


class HighWaterMark:
    """The kernel's own peak (VmHWM), reset through ``/proc/self/clear_refs``: Linux, where the process may write it."""

    def start(self) -> None:
        """Reset the mark to the present resident size."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError as error:
            raise ProbeAbsentError(f"no resettable high-water mark: {error}") from error
        self.idle_mb = _status_mb("VmRSS")

    def stop(self) -> Probe:
        """Mark less idle."""
        return Probe(mib=_status_mb("VmHWM") - self.idle_mb, method="kernel high-water mark")


def _status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


class ResourceUsage:
    """The peak over the life of the process (``getrusage``): a figure only where this call set a new one."""

    def start(self) -> None:
        """Note the present size and the peak so far."""
        self.idle_mb, self.before_mb = resident_mb(), _lifetime_peak_mb()

    def stop(self) -> Probe:
        """New peak less idle."""
        peak_mb = _lifetime_peak_mb()
        if peak_mb <= self.before_mb:
            raise ProbeAbsentError("an earlier peak of the process hides this one from getrusage")
        return Probe(mib=peak_mb - self.idle_mb, method="getrusage")


def _lifetime_peak_mb() -> float:
    try:
        import resource
    except ImportError as error:
        raise ProbeAbsentError("this system has no getrusage") from error
    unit = 1 if psutil.MACOS else 1024  # macOS counts bytes, the others KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


class SampledResident:
    """Resident memory as a thread sees it every millisecond: works everywhere, and may miss a short peak."""

    def start(self) -> None:
        """Start the thread, then take the baseline, which so includes the thread."""
        self.sampled = Sampled(resident_mb, 0.001, "sampled every ms")
        self.sampled.start()
        self.idle_mb = resident_mb()

    def stop(self) -> Probe:
        """Highest look less idle."""
        seen = self.sampled.stop()
        assert seen.mib is not None
        return Probe(mib=seen.mib - self.idle_mb, method=seen.method)


def host_probes() -> dict[str, MemoryProbe]:
    """All three. The one with a thread starts first; the last is the most exact."""
    return {"sampled": SampledResident(), "getrusage": ResourceUsage(), "high_water_mark": HighWaterMark()}
