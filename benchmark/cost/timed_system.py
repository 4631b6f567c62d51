"""What a cost cell times: a system in its inference form, its input, the calls, and the labels that they must give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark import inference
from benchmark.cost import flops as complexity
from benchmark.cost.latency import TimedCall
from benchmark.parts import split
from benchmark.prediction import predicted, to_batch
from benchmark.system import System
from results.cell import Protocol

Image = NDArray[np.uint8]


class LabelsError(RuntimeError):
    """``predict`` broke its contract: not uint8 labels of the image's size, or different ones for the same image."""


class Subject:
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
        """The image from host memory as the system takes it."""
        return to_batch(self.image, self.device, self.layout)

    def enlarged(self) -> Tensor:
        """Logits ``[1, C, H, W]`` at the image's size, where the official speed script stops (features F2)."""
        size = (self.batch.shape[-2], self.batch.shape[-1])
        return inference.resize(self.system.logits(self.batch), size)

    def calls(self) -> dict[str, TimedCall]:
        """The calls that the protocol times, by region."""
        regions = {
            "forward": TimedCall("forward", lambda: self.system.logits(self.batch)),
            "full_logits": TimedCall("full_logits", self.enlarged),
            "predict": TimedCall("predict", lambda: self.system.predict(self.batch), self.check),
            "end_to_end": TimedCall("end_to_end", lambda: self.system.predict(self.upload()).cpu(), self.check),
        }
        return {name: regions[name] for name in self.protocol.timed_regions}

    def check(self, labels: Tensor) -> None:
        """Compare the labels of one timed call with those of the first.

        Raises:
            LabelsError: they are not uint8 of the image's size, or not the same.
        """
        name, shape = self.system.card.name, (1, *self.image.shape[:2])
        if labels.dtype != torch.uint8 or labels.shape != shape:
            found = f"{labels.dtype} {tuple(labels.shape)}"
            raise LabelsError(f"system '{name}': predict returned {found}; it must return torch.uint8 {shape}")
        self.expect(_hash(labels.cpu().numpy()))

    def expect(self, labels_hash: str) -> None:
        """Compare the hash of a call's labels with that of the first call, in this process or an earlier one.

        Raises:
            LabelsError: they differ.
        """
        if self.labels_hash not in ("", labels_hash):
            raise LabelsError(
                f"system '{self.system.card.name}': predict returned other labels for the same image, so no one "
                "computation was timed; take out or seed what is random in it, or measure with --deterministic"
            )
        self.labels_hash = labels_hash

    def scored(self, synchronise: Callable[[], Any]) -> tuple[str, dict[str, float]]:
        """Hash of the labels that scoring would see (``evaluation.predicted``), and the parts of that call in ms.

        Raises:
            LabelsError: they are not those that were timed.
        """
        precision = self.protocol.precision
        labels, parts_ms = split(
            lambda: predicted(self.system, self.image, device=self.device, precision=precision, layout=self.layout),
            synchronise,
        )
        found = _hash(labels)
        if found != self.labels_hash:
            different = "predict gives other labels when it is scored than when it is timed"
            raise LabelsError(f"system '{self.system.card.name}': {different}; both must be one call on one image")
        return found, parts_ms


def _hash(labels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()
