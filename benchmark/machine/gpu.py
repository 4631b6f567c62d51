"""NVML for the GPU that torch calls ``cuda:0``, found by UUID because CUDA_VISIBLE_DEVICES renumbers the devices."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from benchmark.errors import ProbeAbsentError
from benchmark.machine.allocator import MIB
from benchmark.machine.telemetry import Look

THROTTLE_REASONS = {  # bits of NVML's mask that mean a lower clock than asked for; idling and a set clock do not
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal, by software",
    0x40: "thermal, by hardware",
    0x80: "power brake",
}


def torch_uuid() -> str:
    """UUID of torch's first visible GPU, as NVML writes it."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(0).uuid}"


@contextmanager
def opened(uuid: str) -> Iterator[Any]:
    """The NVML handle of a GPU.

    Raises:
        ProbeAbsentError: no NVML here, or it refuses; also from calls made inside the block.
    """
    try:
        pynvml.nvmlInit()  # counted by NVML: nesting is fine
        try:
            yield pynvml.nvmlDeviceGetHandleByUUID(uuid)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise ProbeAbsentError(f"NVML: {error}") from error


def device_used_mb(uuid: str) -> float:
    """Memory in use on the GPU by all processes, MiB.

    Raises:
        ProbeAbsentError: NVML does not say.
    """
    with opened(uuid) as handle:
        return float(pynvml.nvmlDeviceGetMemoryInfo(handle).used) / MIB


def process_used_mb(uuid: str) -> float:
    """Memory of this process on the GPU, CUDA context included, MiB.

    Raises:
        ProbeAbsentError: NVML does not know this process, or not its memory.
    """
    with opened(uuid) as handle:
        processes = {process.pid: process for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    mine = processes.get(os.getpid())
    if mine is None:
        raise ProbeAbsentError("NVML lists no process of this id, as in a container with process ids of its own")
    if mine.usedGpuMemory is None:
        raise ProbeAbsentError("the driver does not tell the memory of single processes")
    return float(mine.usedGpuMemory) / MIB


def device_state(uuid: str) -> dict[str, Any]:
    """Driver, present clocks and power limit, under the names of ``results.record.Environment``.

    Raises:
        ProbeAbsentError: NVML does not say.
    """
    clocks = {"graphics": pynvml.NVML_CLOCK_GRAPHICS, "sm": pynvml.NVML_CLOCK_SM, "memory": pynvml.NVML_CLOCK_MEM}
    with opened(uuid) as handle:
        return {
            "driver": str(pynvml.nvmlSystemGetDriverVersion()),
            "clocks_mhz": {name: int(pynvml.nvmlDeviceGetClockInfo(handle, kind)) for name, kind in clocks.items()},
            "power_limit_w": pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
        }


def look(uuid: str) -> Look:
    """Clock, power, temperature and throttling of the GPU now; what the driver does not tell is None.

    Raises:
        ProbeAbsentError: no NVML here, or not this GPU.
    """
    with opened(uuid) as handle:
        mask = _or_none(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
        power_mw = _or_none(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
        return Look(
            sm_clock_mhz=_or_none(lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
            power_w=None if power_mw is None else power_mw / 1000,
            temperature_c=_or_none(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
            throttle_reasons=None
            if mask is None
            else tuple(why for bit, why in THROTTLE_REASONS.items() if mask & bit),
        )


def _or_none(read: Callable[[], int]) -> int | None:
    try:
        return read()
    except pynvml.NVMLError:
        return None
