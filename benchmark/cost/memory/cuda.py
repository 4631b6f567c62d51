"""GPU memory: torch's allocator, this process by NVML, the device by ``gpustat``, and the CUDA context.

The allocator keeps the memory of a call's peak until it is told to release it. So the last reading of a sampled probe
sees the peak even where sampling is slow (``gpustat`` takes about 0.1 s per reading).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gpustat
import torch

from benchmark.cost.memory.probes import MemoryProbe, Sampled
from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB
from benchmark.machine.gpu import device_used_mib, process_used_mib, torch_uuid
from results.record import MemoryReading


class AllocatorPeak:
    """A peak counter of torch's caching allocator, reset at the start."""

    def __init__(self, read_bytes: Callable[[], int]) -> None:
        self.read_bytes = read_bytes

    def start(self) -> None:
        """Release the unused reserve and reset the counters."""
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def stop(self) -> MemoryReading:
        """The peak, weights and input included: they were allocated before and still are."""
        torch.cuda.synchronize()
        return MemoryReading(mib=self.read_bytes() / MIB)


def cuda_probes() -> dict[str, MemoryProbe]:
    """The probes of torch's first visible GPU, each under its field in ``results.record.Memory``."""
    uuid = torch_uuid()
    return {
        "peak_allocated_mib": AllocatorPeak(torch.cuda.max_memory_allocated),
        "peak_reserved_mib": AllocatorPeak(torch.cuda.max_memory_reserved),
        "process_nvml_mib": Sampled(partial(process_used_mib, uuid), 0.005, "sampled every 5 ms"),
        "device_gpustat_mib": Sampled(partial(gpustat_used_mib, uuid), 0.005, "sampled as fast as gpustat answers"),
    }


def gpustat_used_mib(uuid: str) -> float:
    """Memory in use on the GPU by all processes, as ``gpustat`` prints it.

    Raises:
        ProbeUnavailableError: gpustat fails, or does not list this GPU.
    """
    try:
        gpus = gpustat.new_query().gpus
    except Exception as error:  # gpustat passes on the errors of NVML and psutil
        raise ProbeUnavailableError(f"gpustat: {type(error).__name__}: {error}") from error
    for gpu in gpus:
        if gpu.uuid == uuid:
            return float(gpu.memory_used)
    raise ProbeUnavailableError(f"gpustat does not list {uuid}")


def cuda_context() -> MemoryReading:
    """Growth of the GPU's used memory when the CUDA context is created; only in a process that has none yet."""
    try:
        uuid = torch_uuid()
        before_mib = device_used_mib(uuid)
        torch.zeros(1, device="cuda")
        torch.cuda.synchronize()
        grown_mib = device_used_mib(uuid) - before_mib - torch.cuda.memory_reserved() / MIB
    except ProbeUnavailableError as error:
        return MemoryReading(reason=str(error))
    if grown_mib < 1:
        return MemoryReading(reason="the CUDA context existed already; measure in a fresh process")
    return MemoryReading(mib=grown_mib, method="growth of the device's used memory, by NVML")
