"""What a system costs at one image size: parameters, FLOPs, bytes, latency by region, peak memory. No labels needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import numpy as np
import torch

from benchmark.cost import flops as complexity
from benchmark.cost import roofline
from benchmark.cost.flops import Counts
from benchmark.cost.latency import Progress, SpeedSettings, take
from benchmark.cost.memory.cuda import cuda_context
from benchmark.cost.scored_call import NO_GPU, measure_scored
from benchmark.cost.timed_system import Image, LabelsError, Subject
from benchmark.machine import gpu as nvml
from benchmark.machine import telemetry
from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory
from benchmark.machine.telemetry import Look, Watch
from benchmark.machine.torch_settings import ProtocolError, measurement_mode
from benchmark.system import System
from results.analysis.latency_statistics import Taken, merged
from results.cell import Model, Protocol, Region
from results.record import Cost, Memory, Probe

__all__ = ["LabelsError", "Round", "measure", "sample"]

REGIONS = get_args(Region)


class Round(Model):
    """What one process took of a cell's samples; the cell's last process merges them."""

    taken: tuple[Taken, ...]
    looks: tuple[Look, ...]
    watch_reason: str  # why there are no looks
    labels_hash: str


def sample(
    system: System,
    image: Image,
    protocol: Protocol,
    settings: SpeedSettings,
    device: str,
    *,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Round:
    """One process's share of a cell's samples, for :func:`measure` in a later one. Arguments and errors as there."""
    with _measuring(system, image, protocol, device) as subject:
        _compile(subject)
        return _round(subject, settings, seed, progress)


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

    Timed regions: ``forward``, a float image on the device to logits; ``full_logits``, to logits of the image's size;
    ``predict``, to labels on the device; ``end_to_end``, a uint8 image in host memory to labels in host memory. They,
    the memory of one ``predict`` call on an image that it uploads, and the device's ceilings are measured on the
    system's inference form, which is left on the device in the protocol's form.

    Args:
        system: as built; its modules for training are counted, then taken off.
        image: uint8 ``[H, W, 3]``, of the protocol's height and width.
        protocol: what makes the figures comparable.
        settings: how many samples.
        device: "cpu" or "cuda".
        earlier: what earlier processes took by :func:`sample`.
        progress: told the step, the rounds done and the rounds expected.

    Raises:
        ResourceExhaustedError: host or device has not enough memory.
        ProtocolError: the protocol cannot be kept here.
        TimingError: the clock gave nonsense.
        LabelsError: ``predict`` broke its contract.
    """
    context = cuda_context() if device == "cuda" else NO_GPU  # before anything else is on the GPU
    with _measuring(system, image, protocol, device) as subject:
        if not (protocol.cudnn_benchmark or protocol.compiled):  # these may choose other kernels in another process
            for one in earlier:
                subject.expect(one.labels_hash)
        counts = complexity.count(subject.system, subject.batch)
        _compile(subject)
        rounds = [*earlier, _round(subject, settings, len(earlier), progress)]
        progress("memory", 0, 1)
        return _cost(subject, counts, rounds, context)


@contextmanager
def _measuring(system: System, image: Image, protocol: Protocol, device: str) -> Iterator[Subject]:
    """The subject under its protocol; memory that runs out inside is one named error."""
    _check(image, protocol)
    try:
        with measurement_mode(protocol, device), torch.inference_mode():
            yield Subject(system, image, protocol, device)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceExhaustedError(
            f"system '{system.card.name}' at {protocol.height}x{protocol.width}: not enough memory on {device} "
            f"({str(error).splitlines()[0]}); take a smaller --size or a larger device"
        ) from error


def _check(image: Image, protocol: Protocol) -> None:
    if image.dtype != np.uint8 or image.shape != (protocol.height, protocol.width, 3):
        wanted = f"uint8 ({protocol.height}, {protocol.width}, 3)"
        raise ProtocolError(f"the protocol's image is {wanted}, but {image.dtype} {image.shape} was given")
    if not {"predict", "full_logits"} & set(protocol.timed_regions) or not set(protocol.timed_regions) <= set(REGIONS):
        wanted = f"of {REGIONS}, 'predict' or 'full_logits' among them"
        raise ProtocolError(f"timed regions {protocol.timed_regions}: they must be {wanted}")
    if protocol.batch != 1:
        raise ProtocolError(f"protocol field 'batch' is {protocol.batch}; cost is measured one image at a time")


def _compile(subject: Subject) -> None:
    if subject.protocol.compiled:
        subject.system.compile()


def _cost(subject: Subject, counts: Counts, rounds: Sequence[Round], context: Probe) -> Cost:
    synchronise = _synchroniser(subject.device)
    call = measure_scored(subject, synchronise)
    return Cost(
        parameters=complexity.parameters(subject.system),
        trained_parameters=subject.trained_parameters,
        flops=counts.flops,
        flops_reason=counts.reason,
        bytes_moved=counts.bytes_moved,
        bytes_reason=counts.reason,
        samples=tuple(merged(taken) for taken in zip(*(one.taken for one in rounds), strict=True)),
        memory=Memory(cuda_context_mb=context, **call.peaks),
        ceilings=roofline.ceilings(subject.device, synchronise),
        telemetry=telemetry.summary([look for one in rounds for look in one.looks], rounds[-1].watch_reason),
        labels_hash=subject.labels_hash,
        scored_labels_hash=call.labels_hash,
        work=dict(subject.system.work),
        parts_ms=call.parts_ms,
    )


def _round(subject: Subject, settings: SpeedSettings, seed: int, progress: Progress) -> Round:
    calls, synchronise = subject.calls(), _synchroniser(subject.device)
    with _watch(subject.device) as watch:
        taken = take(calls, settings, synchronise, seed=seed, progress=progress, throttled=watch.throttled)
    if not subject.labels_hash:
        subject.check(subject.system.predict(subject.batch))  # no timed region of the protocol gave labels
    return Round(
        taken=tuple(taken.values()),
        looks=tuple(watch.looks),
        watch_reason=watch.reason,
        labels_hash=subject.labels_hash,
    )


def _synchroniser(device: str) -> Callable[[], Any]:
    return torch.cuda.synchronize if device == "cuda" else (lambda: None)


def _watch(device: str) -> Watch:
    if device != "cuda":
        return telemetry.blind(NO_GPU.reason)
    uuid = nvml.torch_uuid()
    return Watch(lambda: nvml.look(uuid))
