"""The probes of a GPU run: torch's allocator, the process by NVML, the device by ``gpustat``, the CUDA context.

A call's peak stays in the allocator's reserve until it is given back, so the last look of a sampled probe sees it even
where sampling is slow (``gpustat`` takes about 0.1 s a look).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gpustat
import torch

from benchmark.cost.memory.probes import MemoryProbe, Sampled
from benchmark.errors import ProbeAbsentError
from benchmark.machine import gpu as nvml
from benchmark.machine.allocator import MIB
from results.record import Probe


class AllocatorPeak:
    """A peak counter of torch's caching allocator, reset at the start."""

    def __init__(self, read: Callable[[], int]) -> None:
        self.read = read

    def start(self) -> None:
        """Give the unused reserve back and reset the counters."""
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def stop(self) -> Probe:
        """Weights and input are in it: they were allocated before, and still are."""
        torch.cuda.synchronize()
        return Probe(mib=self.read() / MIB)


def cuda_probes() -> dict[str, MemoryProbe]:
    """One probe for each field of the record that a GPU run fills, for torch's first visible device."""
    uuid = nvml.torch_uuid()
    return {
        "peak_allocated_mb": AllocatorPeak(torch.cuda.max_memory_allocated),
        "peak_reserved_mb": AllocatorPeak(torch.cuda.max_memory_reserved),
        "process_nvml_mb": Sampled(partial(nvml.process_used_mb, uuid), 0.005, "sampled every 5 ms"),
        "device_gpustat_mb": Sampled(partial(gpustat_used_mb, uuid), 0.005, "sampled as fast as gpustat answers"),
    }


def gpustat_used_mb(uuid: str) -> float:
    """Memory in use on the GPU by all processes as ``gpustat`` prints it, MiB.

    Raises:
        ProbeAbsentError: gpustat fails, or does not list this GPU.
    """
    try:
        gpus = gpustat.new_query().gpus
    except Exception as error:  # it lets NVML's and psutil's through
        raise ProbeAbsentError(f"gpustat: {type(error).__name__}: {error}") from error
    for gpu in gpus:
        if gpu.uuid == uuid:
            return float(gpu.memory_used)
    raise ProbeAbsentError(f"gpustat does not list {uuid}")


def cuda_context() -> Probe:
    """What the GPU's use grows by when the CUDA context is made, MiB; only in a process that has none yet."""
    try:
        uuid = nvml.torch_uuid()
        before_mb = nvml.device_used_mb(uuid)
        torch.zeros(1, device="cuda")
        torch.cuda.synchronize()
        grown_mb = nvml.device_used_mb(uuid) - before_mb - torch.cuda.memory_reserved() / MIB
    except ProbeAbsentError as absent:
        return Probe(reason=str(absent))
    if grown_mb < 1:
        return Probe(reason="the CUDA context was there before; measure in a fresh process")
    return Probe(mib=grown_mb, method="growth of the device's use, by NVML")
