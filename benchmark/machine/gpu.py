"""The GPU that torch calls ``cuda:0``, read by NVML: memory, clocks, power, throttling, and a thread that monitors it.

NVML finds it by UUID, because CUDA_VISIBLE_DEVICES renumbers the devices. Functions that read raise
:class:`ProbeUnavailableError` where NVML is missing or refuses to answer.
"""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import pynvml

from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB
from results.cell import Model
from results.record import Spread, Telemetry

INTERVAL_S = 0.1
THROTTLE_REASONS = {  # bits of NVML's mask that mean a lower clock than requested; idling and a fixed clock do not
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal, by software",
    0x40: "thermal, by hardware",
    0x80: "power brake",
}


class GpuReading(Model):
    """What NVML reported at one moment; None where the driver does not report it."""

    sm_clock_mhz: float | None
    power_w: float | None
    temperature_c: float | None
    throttle_reasons: tuple[str, ...] | None  # why the clock is held back, if it is


def torch_uuid() -> str:
    """UUID of torch's first visible GPU, as NVML writes it."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(0).uuid}"


@contextmanager
def opened(uuid: str) -> Iterator[Any]:
    """The NVML handle of a GPU.

    Raises:
        ProbeUnavailableError: NVML is missing or refuses; also from calls made inside the block.
    """
    try:
        pynvml.nvmlInit()  # NVML counts these calls, so they may be nested
        try:
            yield pynvml.nvmlDeviceGetHandleByUUID(uuid)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise ProbeUnavailableError(f"NVML: {error}") from error


def device_used_mib(uuid: str) -> float:
    """Memory in use on the GPU by all processes, in MiB.

    Raises:
        ProbeUnavailableError: NVML is missing or refuses.
    """
    with opened(uuid) as handle:
        return float(pynvml.nvmlDeviceGetMemoryInfo(handle).used) / MIB


def process_used_mib(uuid: str) -> float:
    """Memory of this process on the GPU in MiB, CUDA context included.

    Raises:
        ProbeUnavailableError: NVML is missing or refuses, or does not report the memory of this process.
    """
    with opened(uuid) as handle:
        processes = {process.pid: process for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    mine = processes.get(os.getpid())
    if mine is None:
        raise ProbeUnavailableError("NVML lists no process of this id, as in a container with process ids of its own")
    if mine.usedGpuMemory is None:
        raise ProbeUnavailableError("the driver does not report the memory of single processes")
    return float(mine.usedGpuMemory) / MIB


def device_state(uuid: str) -> dict[str, Any]:
    """Driver, present clocks and power limit, under the names of ``results.record.Environment``."""
    clocks = {"graphics": pynvml.NVML_CLOCK_GRAPHICS, "sm": pynvml.NVML_CLOCK_SM, "memory": pynvml.NVML_CLOCK_MEM}
    with opened(uuid) as handle:
        return {
            "driver": str(pynvml.nvmlSystemGetDriverVersion()),
            "clocks_mhz": {name: int(pynvml.nvmlDeviceGetClockInfo(handle, kind)) for name, kind in clocks.items()},
            "power_limit_w": pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
        }


def gpu_reading(uuid: str) -> GpuReading:
    """Clock, power, temperature and throttling of the GPU now.

    Raises:
        ProbeUnavailableError: NVML is missing or does not know this GPU. A single value that is not reported is None.
    """
    with opened(uuid) as handle:
        mask = _or_none(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
        power_mw = _or_none(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
        return GpuReading(
            sm_clock_mhz=_or_none(lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
            power_w=None if power_mw is None else power_mw / 1000,
            temperature_c=_or_none(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
            throttle_reasons=None
            if mask is None
            else tuple(reason for bit, reason in THROTTLE_REASONS.items() if mask & bit),
        )


def _or_none(read: Callable[[], int]) -> int | None:
    try:
        return read()
    except pynvml.NVMLError:
        return None


class GpuMonitor:
    """Reads the GPU's state every ``interval_s`` while open, the first time at once.

    ``readings`` are the readings so far; ``reason`` says why there are no more of them, "" while all is well.
    """

    def __init__(self, read: Callable[[], GpuReading], interval_s: float = INTERVAL_S) -> None:
        self.read, self.interval_s = read, interval_s
        self.readings: list[GpuReading] = []
        self.reported = 0  # how many readings `throttled` has reported on
        self.reason = ""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> GpuMonitor:
        self._read_once()
        if not self.reason:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        if self.thread.ident is not None:
            self.thread.join()

    def throttled(self) -> bool | None:
        """Whether any reading since the last call of this method shows throttling; None where it cannot be told.

        The last reading counts until the next one is made.
        """
        recent = self.readings[max(self.reported - 1, 0) :]
        self.reported = len(self.readings)
        if self.reason or any(reading.throttle_reasons is None for reading in recent):
            return None
        return any(reading.throttle_reasons for reading in recent)

    def _poll(self) -> None:
        while not self.ended.wait(self.interval_s) and not self.reason:
            self._read_once()

    def _read_once(self) -> None:
        try:
            self.readings.append(self.read())
        except ProbeUnavailableError as error:
            self.reason = str(error)


def monitor_without_gpu(reason: str) -> GpuMonitor:
    """A monitor that makes no reading, for runs without a GPU.

    It starts no thread, and its ``throttled`` always returns None. ``reason`` becomes the reason in the record.
    """

    def read() -> GpuReading:
        raise ProbeUnavailableError(reason)

    return GpuMonitor(read)


def telemetry(readings: Sequence[GpuReading], reason: str) -> Telemetry:
    """The readings of all rounds as a record keeps them; ``reason`` is that of a monitor without readings."""
    fields = ("sm_clock_mhz", "power_w", "temperature_c")
    spreads = {name: _spread([getattr(reading, name) for reading in readings]) for name in fields}
    throttling = [reading.throttle_reasons for reading in readings if reading.throttle_reasons is not None]
    missing = [name for name in fields if spreads[name] is None] + ([] if throttling else ["throttle_reasons"])
    return Telemetry(
        readings=len(readings),
        sm_clock_mhz=spreads["sm_clock_mhz"],
        power_w=spreads["power_w"],
        temperature_c=spreads["temperature_c"],
        throttle_reasons=tuple(sorted({why for reasons in throttling for why in reasons})) if throttling else None,
        reason=reason or (f"the driver does not report {', '.join(missing)}" if missing else ""),
    )


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [float(value) for value in values if value is not None]
    return Spread(low=min(known), median=statistics.median(known), high=max(known)) if known else None
