"""What a system costs at one image size: parameters, FLOPs, bytes, latency by region, peak memory. No labels needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import get_args

import numpy as np
import torch

from benchmark.cost.exported_engine import use_exported
from benchmark.cost.flops import Counts, count
from benchmark.cost.form import Form
from benchmark.cost.latency import Progress, SpeedSettings, take
from benchmark.cost.memory.cuda import cuda_context, cuda_probes
from benchmark.cost.memory.host import host_probes
from benchmark.cost.memory.probes import first_value, peak_readings
from benchmark.cost.optimized import Kept, forms, optimize
from benchmark.cost.roofline import ceilings
from benchmark.cost.timed_system import Image, LabelsError, TimedSystem
from benchmark.machine.allocator import MIB
from benchmark.machine.gpu import GpuMonitor, GpuReading, gpu_reading, monitor_without_gpu, telemetry, torch_uuid
from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory
from benchmark.machine.torch_settings import ProtocolError, measurement_mode
from benchmark.system import System
from results.analysis.latency_statistics import ProcessSamples, merged
from results.cell import Model, Protocol, Region
from results.record import Cost, Memory, MemoryReading

__all__ = ["LabelsError", "Round", "measure", "sample"]

REGIONS = get_args(Region)
NO_GPU = MemoryReading(reason="the run used no GPU")
WEIGHTS_ON_GPU = MemoryReading(reason="the weights are on the GPU")


class Round(Model):
    """One process's share of a cell's samples; the cell's last process merges all rounds."""

    samples: tuple[ProcessSamples, ...]
    gpu_readings: tuple[GpuReading, ...]
    gpu_reason: str  # why there are no readings
    labels_hash: str
    form: Form | None = None  # the fastest, where the protocol asks for it
    kept: Kept = Kept()  # by the form or the engine


def sample(
    system: System,
    image: Image,
    protocol: Protocol,
    settings: SpeedSettings,
    device: str,
    *,
    seed: int = 0,
    earlier: Sequence[Round] = (),
    progress: Progress = lambda *_: None,
) -> Round:
    """One process's share of a cell's samples, for :func:`measure` in a later one. Arguments and errors as there."""
    with _measuring(system, image, protocol, device) as timed:
        kept = _prepare(timed, earlier, progress)
        return _round(timed, settings, seed, kept, progress)


def measure(
    system: System,
    image: Image,
    protocol: Protocol,
    settings: SpeedSettings,
    device: str,
    *,
    earlier: Sequence[Round] = (),
    progress: Progress = lambda *_: None,
) -> Cost:
    """Measure a system on one image under a protocol.

    The timed regions are those of ``results.cell.Region`` that the protocol names. They, the memory of one ``predict``
    call on an image that it uploads, and the device's ceilings are measured on the system's inference form, which stays
    on the device afterwards.

    Args:
        system: as built; its modules for training are counted, then removed.
        image: uint8 ``[H, W, 3]``, of the protocol's height and width.
        protocol: the conditions of the measurement.
        settings: how many samples.
        device: "cpu" or "cuda".
        earlier: the rounds of earlier processes, from :func:`sample`.
        progress: called with the step, the repetitions done and the repetitions expected.

    Raises:
        ResourceExhaustedError: host or device has not enough memory.
        ProtocolError: the protocol cannot be kept on this machine.
        TimingError: the clock returned impossible values.
        LabelsError: ``predict`` broke its contract.
    """
    context = cuda_context() if device == "cuda" else NO_GPU  # before anything else is on the GPU
    with _measuring(system, image, protocol, device) as timed:
        if not (
            protocol.cudnn_benchmark or protocol.compiled or protocol.optimized
        ):  # these may choose other kernels in another process
            for one in earlier:
                timed.expect(one.labels_hash)
        counts = count(timed.system, timed.batch)
        kept = _prepare(timed, earlier, progress)
        rounds = [*earlier, _round(timed, settings, len(earlier), kept, progress)]
        progress("memory", 0, 1)
        return _cost(timed, counts, rounds, context)


@contextmanager
def _measuring(system: System, image: Image, protocol: Protocol, device: str) -> Iterator[TimedSystem]:
    """The timed system under its protocol; running out of memory inside becomes one named error."""
    _check(image, protocol)
    try:
        with measurement_mode(protocol, device), torch.inference_mode():
            yield TimedSystem(system, image, protocol, device)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceExhaustedError(
            f"system '{system.card.name}' at {protocol.height}x{protocol.width}: not enough memory on {device} "
            f"({str(error).splitlines()[0]}); choose a smaller --size or a larger device"
        ) from error


def _check(image: Image, protocol: Protocol) -> None:
    if image.dtype != np.uint8 or image.shape != (protocol.height, protocol.width, 3):
        expected = f"uint8 ({protocol.height}, {protocol.width}, 3)"
        raise ProtocolError(f"the protocol's image is {expected}, but {image.dtype} {image.shape} was given")
    regions = set(protocol.timed_regions)
    if not {"predict", "full_logits"} & regions or not regions <= set(REGIONS):
        raise ProtocolError(
            f"timed regions {protocol.timed_regions}: choose from {REGIONS}, and include 'predict' or 'full_logits'"
        )
    if protocol.batch != 1:
        raise ProtocolError(f"protocol field 'batch' is {protocol.batch}; cost is measured with one image at a time")


def _prepare(timed: TimedSystem, earlier: Sequence[Round], progress: Progress) -> Kept:
    """Put the system into the form or engine of the protocol."""
    if timed.protocol.engine != "torch":
        return Kept(labels=use_exported(timed))
    timed.prepare()
    if not timed.protocol.optimized:
        return Kept()
    if earlier and earlier[0].form:
        timed.take(earlier[0].form)
        return earlier[0].kept
    return optimize(timed, forms(timed.device, timed.protocol.precision), progress)


def _round(timed: TimedSystem, settings: SpeedSettings, seed: int, kept: Kept, progress: Progress) -> Round:
    on_gpu = timed.device == "cuda"
    monitor = GpuMonitor(partial(gpu_reading, torch_uuid())) if on_gpu else monitor_without_gpu(NO_GPU.reason)
    with monitor, timed.autocast():
        taken = take(
            timed.calls(), settings, timed.synchronise, seed=seed, progress=progress, throttled=monitor.throttled
        )
        if not timed.labels_hash:
            timed.check(timed.system.predict(timed.batch))  # no timed region of the protocol returned labels
    return Round(
        samples=tuple(taken.values()),
        gpu_readings=tuple(monitor.readings),
        gpu_reason=monitor.reason,
        labels_hash=timed.labels_hash,
        form=timed.form if timed.protocol.optimized else None,
        kept=kept,
    )


def _cost(timed: TimedSystem, counts: Counts, rounds: Sequence[Round], context: MemoryReading) -> Cost:
    scored_hash, parts_ms, readings = _scored_call(timed)
    work = dict(timed.system.work)  # of the timed image, not of the one that comes next
    return Cost(
        parameters=timed.parameters,
        trained_parameters=timed.trained_parameters,
        flops=counts.flops,
        flops_reason=counts.reason,
        bytes_moved=counts.bytes_moved,
        bytes_reason=counts.reason,
        convolution_shapes=counts.convolution_shapes,
        samples=tuple(merged(processes) for processes in zip(*(one.samples for one in rounds), strict=True)),
        regions_absent=timed.regions_absent,
        memory=_memory(timed, readings, context),
        # there is no ceiling for products of 8 bits
        ceilings=None if timed.bytes_in_8_bits else ceilings(timed.device, timed.synchronise),
        telemetry=telemetry([reading for one in rounds for reading in one.gpu_readings], rounds[-1].gpu_reason),
        labels_hash=timed.labels_hash,
        scored_labels_hash=scored_hash,
        tells_images_apart=timed.tells_images_apart(),
        work=work,
        parts_ms=parts_ms,
        form=timed.form.words if timed.protocol.optimized else "",
        labels_kept=100 * rounds[0].kept.labels,
        turns_ms=rounds[0].kept.turns_ms,
    )


def _scored_call(timed: TimedSystem) -> tuple[str, dict[str, float], dict[str, MemoryReading]]:
    """Labels hash, parts in ms and memory readings of the call that scoring makes. Nothing can be timed afterwards."""
    timed.release_inputs()  # the call uploads its own
    found: list[tuple[str, dict[str, float]]] = []
    probes = {**(cuda_probes() if timed.device == "cuda" else {}), **host_probes()}
    readings = peak_readings(lambda: found.append(timed.scored()), probes)
    if found[0][1]:  # the probes slow a call down, so its parts are timed in another call
        found.append(timed.scored())
    return *found[-1], readings


def _memory(timed: TimedSystem, readings: Mapping[str, MemoryReading], context: MemoryReading) -> Memory:
    """The record's memory values. The host's peak is the reading of the most exact probe that worked."""
    peak = first_value(readings[name] for name in reversed(host_probes()))
    weights_mib = timed.weights_bytes / MIB
    total = WEIGHTS_ON_GPU
    if timed.device == "cpu":
        total = peak if peak.mib is None else MemoryReading(mib=peak.mib + weights_mib, method=peak.method)
    return Memory(
        peak_allocated_mib=readings.get("peak_allocated_mib", NO_GPU),
        peak_reserved_mib=readings.get("peak_reserved_mib", NO_GPU),
        process_nvml_mib=readings.get("process_nvml_mib", NO_GPU),
        device_gpustat_mib=readings.get("device_gpustat_mib", NO_GPU),
        cuda_context_mib=context,
        host_peak_over_idle_mib=peak,
        weights_mib=MemoryReading(mib=weights_mib),
        host_peak_with_weights_mib=total,
    )
