"""The call that scoring makes, measured: its labels, its parts and its peak memory. It is a cost cell's last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmark.cost.memory import probes as memory
from benchmark.cost.memory.cuda import cuda_probes
from benchmark.cost.memory.host import host_probes
from benchmark.cost.timed_system import Subject
from benchmark.machine.allocator import MIB
from results.record import Probe

NO_GPU = Probe(reason="the run used no GPU")
FIELDS = ("peak_allocated_mb", "peak_reserved_mb", "process_nvml_mb", "device_gpustat_mb")  # of a GPU's probes


@dataclass(frozen=True)
class ScoredCall:
    """What one call gave."""

    labels_hash: str
    parts_ms: dict[str, float]  # by name; empty where the system names no parts
    peaks: dict[str, Probe]  # by field of the record


def measure_scored(subject: Subject, synchronise: Callable[[], Any]) -> ScoredCall:
    """Run the call under all memory probes; the subject, which gives up its own input for it, is spent.

    Raises:
        LabelsError: the labels are not those that were timed.
    """
    del subject.batch  # the call uploads its own
    found: list[tuple[str, dict[str, float]]] = []
    peaks = _peaks(subject, lambda: found.append(subject.scored(synchronise)))
    if found[0][1]:  # the probes slow a call down, so the parts are those of one without
        found.append(subject.scored(synchronise))
    return ScoredCall(*found[-1], peaks)


def _peaks(subject: Subject, call: Callable[[], None]) -> dict[str, Probe]:
    """Peaks of one call. The host's comes from the most exact probe at hand.

    On a CPU, the weights were resident before the call and are added, as a GPU's allocator counts them too.
    """
    on_gpu = cuda_probes() if subject.device == "cuda" else {}
    readings = memory.measure(call, {**on_gpu, **host_probes()})
    host = memory.first_figure(readings[name] for name in reversed(host_probes()))
    if host.mib is not None and subject.device == "cpu":
        weights = [*subject.system.parameters(), *subject.system.buffers()]
        host = Probe(mib=host.mib + sum(tensor.nbytes for tensor in weights) / MIB, method=host.method)
    return {**{name: readings.get(name, NO_GPU) for name in FIELDS}, "peak_rss_over_idle_mb": host}
