"""What a system costs at one image size: parameters, FLOPs, latency of three regions, peak memory. No labels needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark import complexity, memory
from benchmark.batch import to_batch
from benchmark.heap import MIB
from benchmark.measurement_mode import ProtocolError, measurement_mode
from benchmark.memory_cuda import cuda_context, cuda_probes
from benchmark.memory_host import host_probes
from benchmark.out_of_memory import ResourceExhaustedError, is_out_of_memory
from benchmark.speed import Progress, SpeedSettings, TimedCall, sample_interleaved
from benchmark.system import System
from results.record import Cost, Memory, Probe, Protocol, Region, Samples

Image = NDArray[np.uint8]
REGIONS = get_args(Region)
NO_GPU = Probe(reason="the run used no GPU")


class LabelsError(RuntimeError):
    """``predict`` broke its contract: not uint8 labels of the image's size, or different ones for the same image."""


def measure(
    system: System,
    image: Image,
    protocol: Protocol,
    settings: SpeedSettings,
    device: str,
    *,
    progress: Progress = lambda *_: None,
) -> Cost:
    """Measure a system on one image under a protocol.

    Timed regions: ``forward``, a float image on the device to logits; ``predict``, the same to labels on the device;
    ``end_to_end``, a uint8 image in host memory to labels in host memory. All three, and the memory of one ``predict``
    call, are measured on the system's inference form, which is left on the device in the protocol's form.

    Args:
        system: as built; its modules for training are counted, then taken off.
        image: uint8 ``[H, W, 3]``, of the protocol's height and width.
        protocol: what makes the figures comparable.
        settings: how many samples.
        device: "cpu" or "cuda".
        progress: told the step, the rounds done and the rounds expected.

    Raises:
        ResourceExhaustedError: host or device has not enough memory.
        ProtocolError: the protocol cannot be kept here.
        TimingError: the clock gave nonsense.
        LabelsError: ``predict`` broke its contract.
    """
    _check(image, protocol)
    try:
        context = cuda_context() if device == "cuda" else NO_GPU  # before anything else is on the GPU
        with measurement_mode(protocol, device), torch.inference_mode():
            return _measure(_Subject(system, image, protocol, device), settings, context, progress)
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
    if "predict" not in protocol.timed_regions or not set(protocol.timed_regions) <= set(REGIONS):
        raise ProtocolError(f"timed regions {protocol.timed_regions}: they must be of {REGIONS}, 'predict' among them")
    if protocol.batch != 1:
        raise ProtocolError(f"protocol field 'batch' is {protocol.batch}; cost is measured one image at a time")


class _Subject:
    """A system in its inference form with its input, both on the device, and the hash of the labels it gives."""

    def __init__(self, system: System, image: Image, protocol: Protocol, device: str) -> None:
        self.protocol, self.device = protocol, device
        self.layout = torch.channels_last if protocol.channels_last else torch.contiguous_format
        self.trained_parameters = complexity.parameters(system)
        self.system: System = system.inference_form().eval()
        self.system.to(device=device, memory_format=self.layout)  # type: ignore[call-overload]
        self.image = np.require(image, np.uint8, ["C", "W"])  # torch shares memory only with such an array
        self.batch = self.upload()
        self.labels_hash = ""

    def upload(self) -> Tensor:
        return to_batch(self.image, self.device, self.layout)

    def calls(self) -> dict[str, TimedCall]:
        regions = {
            "forward": TimedCall("forward", lambda: self.system.logits(self.batch)),
            "predict": TimedCall("predict", lambda: self.system.predict(self.batch), self.check),
            "end_to_end": TimedCall("end_to_end", lambda: self.system.predict(self.upload()).cpu(), self.check),
        }
        return {name: regions[name] for name in self.protocol.timed_regions}

    def check(self, labels: Tensor) -> None:
        """Compare the labels of one timed call with those of the first."""
        name, shape = self.system.card.name, (1, *self.image.shape[:2])
        if labels.dtype != torch.uint8 or labels.shape != shape:
            found = f"{labels.dtype} {tuple(labels.shape)}"
            raise LabelsError(f"system '{name}': predict returned {found}; it must return torch.uint8 {shape}")
        seen = hashlib.sha256(labels.cpu().numpy().tobytes()).hexdigest()
        if self.labels_hash not in ("", seen):
            raise LabelsError(
                f"system '{name}': predict returned other labels for the same image, so no one computation was timed; "
                "take out or seed what is random in it, or measure under a deterministic protocol"
            )
        self.labels_hash = seen


def _measure(subject: _Subject, settings: SpeedSettings, context: Probe, progress: Progress) -> Cost:
    system = subject.system
    flops, flops_reason = complexity.flops(system, subject.batch)
    if subject.protocol.compiled:
        system.compile()
    samples = _time(subject, settings, progress)
    progress("memory", 0, 1)
    return Cost(
        parameters=complexity.parameters(system),
        trained_parameters=subject.trained_parameters,
        flops=flops,
        flops_reason=flops_reason,
        samples=samples,
        memory=Memory(cuda_context_mb=context, **_peaks(subject)),
        labels_hash=subject.labels_hash,
        work=dict(system.work),
    )


def _time(subject: _Subject, settings: SpeedSettings, progress: Progress) -> tuple[Samples, ...]:
    synchronise: Callable[[], Any] = torch.cuda.synchronize if subject.device == "cuda" else (lambda: None)
    taken = sample_interleaved(subject.calls(), settings, synchronise, progress=progress)
    return tuple(taken.values())


def _peaks(subject: _Subject) -> dict[str, Probe]:
    """Peaks of one predict call, by field of the record. The host's comes from the most exact probe at hand.

    On a CPU, weights and input were resident before the call and are added, as a GPU's allocator counts them too.
    """
    on_gpu = cuda_probes() if subject.device == "cuda" else {}
    readings = memory.measure(lambda: subject.system.predict(subject.batch), {**on_gpu, **host_probes()})
    host = memory.first_figure(readings[name] for name in reversed(host_probes()))
    if host.mib is not None and subject.device == "cpu":
        loaded = [*subject.system.parameters(), *subject.system.buffers(), subject.batch]
        host = Probe(mib=host.mib + sum(tensor.nbytes for tensor in loaded) / MIB, method=host.method)
    fields = ("peak_allocated_mb", "peak_reserved_mb", "process_nvml_mb", "device_gpustat_mb")
    return {**{name: readings.get(name, NO_GPU) for name in fields}, "peak_rss_over_idle_mb": host}
