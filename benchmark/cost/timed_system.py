"""What a cost cell times: a system in its inference form, its input, the timed calls, and a check of their labels."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark import inference
from benchmark.card import CustomInference
from benchmark.cost.first_input import first_input
from benchmark.cost.flops import parameters
from benchmark.cost.folding import Folding
from benchmark.cost.form import Form
from benchmark.cost.latency import TimedCall
from benchmark.cost.relu import ReluFusion
from benchmark.cost.winograd import Winograd
from benchmark.machine.torch_settings import DTYPES
from benchmark.parts import time_parts
from benchmark.prediction import predicted, to_batch
from benchmark.system import System
from results.cell import Protocol

Image = NDArray[np.uint8]


class LabelsError(RuntimeError):
    """``predict`` broke its contract: not uint8 labels of the image's size, or different ones for the same image."""


class TimedSystem:
    """A system in its inference form with its input, both on the device, and the hash of its labels.

    ``regions_absent`` maps each region of the protocol that cannot be timed to the reason; :meth:`prepare` fills it.
    """

    def __init__(self, system: System, image: Image, protocol: Protocol, device: str) -> None:
        self.protocol, self.device = protocol, device
        self.synchronise: Callable[[], Any] = torch.cuda.synchronize if device == "cuda" else lambda: None
        self.form = Form(channels_last=protocol.channels_last, precision=protocol.precision)
        self.trained_parameters = parameters(system)
        self.system: System = system.inference_form().eval()
        self.parameters = parameters(self.system)  # before any are folded
        self.system.to(device=device, memory_format=self.form.layout)  # type: ignore[call-overload]
        self.image = np.require(image, np.uint8, ["C", "W"])  # torch shares memory only with such an array
        self.batch = self.upload()
        self.pass_input: Tensor | None = None  # of one pass of the net, where that is timed
        self.regions_absent: dict[str, str] = {}
        self.labels_hash = ""
        self.before_memory: Callable[[], None] = lambda: None  # what an engine does before its memory is read
        self.bytes_in_8_bits = 0  # of a file in 8 bits that takes the place of the weights

    def upload(self) -> Tensor:
        """The image from host memory in the form that the system takes: float32 ``[1, 3, H, W]`` on the device."""
        return to_batch(self.image, self.device, self.form.layout)

    @cached_property
    def compiled_forward(self) -> Callable[..., Any]:
        """The net's pass, compiled when it is first called."""
        return torch.compile(type(self.system).forward.__get__(self.system))

    @cached_property
    def folding(self) -> Folding:
        """The batch norms that can be folded, found in one call."""
        return Folding(self.system, self.batch)

    @cached_property
    def relus(self) -> ReluFusion:
        """The ReLUs that convolutions can compute, found in one call of the folded system."""
        return ReluFusion(self.system, self.batch)

    @cached_property
    def winograd(self) -> Winograd:
        """The convolutions that are faster by other products, found in one call of the folded system."""
        return Winograd(self.system, self.batch)

    def take(self, form: Form) -> None:
        """Put the system and its input into a form."""
        self._rewrite(form)
        if form.layout != self.form.layout:
            self.system.to(memory_format=form.layout)
            self.batch = self.batch.contiguous(memory_format=form.layout)
            if self.pass_input is not None:
                self.pass_input = self.pass_input.contiguous(memory_format=form.layout)
        vars(self.system).pop("forward", None)
        if form.compiled:
            vars(self.system)["forward"] = self.compiled_forward
        self.form = form

    def _rewrite(self, form: Form) -> None:
        """Fold batch norms, fuse ReLUs and replace convolutions, or undo it, in the opposite order."""
        if self.form.winograd and form != self.form:
            self.winograd.switch(on=False)
        if self.form.fused and not form.fused:
            self.relus.switch(on=False)
        if form.folded != self.form.folded:
            self.folding.switch(folded=form.folded)
            self.system.to(memory_format=form.layout)
        if form.fused and not self.form.fused:
            self.relus.switch(on=True)
        if form.winograd and form != self.form:
            self.winograd.switch(on=True)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision of the form, where it is not the protocol's, which is set already."""
        if self.form.precision == self.protocol.precision:
            return contextlib.nullcontext()
        return torch.autocast(self.device, DTYPES[self.form.precision])

    @property
    def weights_bytes(self) -> int:
        """Size of the parameters and buffers, or of the file in 8 bits that holds them."""
        return self.bytes_in_8_bits or sum(
            tensor.nbytes for tensor in (*self.system.parameters(), *self.system.buffers())
        )

    def prepare(self) -> None:
        """Find the input of one pass of the net if the protocol times it; compile if the protocol says so."""
        if self.protocol.compiled:
            self.take(replace(self.form, compiled=True))
        if "forward" in self.protocol.timed_regions:
            if isinstance(self.system.card.inference, CustomInference):
                self.regions_absent["forward"] = "the system's own inference procedure is not made of passes of one net"
            elif (found := first_input(self.system, self.batch)) is None:
                self.regions_absent["forward"] = "the system's inference procedure does not call its forward"
            else:
                self.pass_input = found

    def calls(self) -> dict[str, TimedCall]:
        """The calls that the protocol times, by region; see ``results.cell.Region``."""
        size = (self.batch.shape[-2], self.batch.shape[-1])
        calls = {
            "forward": TimedCall("forward", lambda: self.system(self.pass_input)),
            "logits": TimedCall("logits", lambda: self.system.logits(self.batch)),
            "full_logits": TimedCall("full_logits", lambda: inference.resize(self.system.logits(self.batch), size)),
            "predict": TimedCall("predict", lambda: self.system.predict(self.batch), self.check),
            "end_to_end": TimedCall("end_to_end", lambda: self.system.predict(self.upload()).cpu(), self.check),
        }
        return {name: calls[name] for name in self.protocol.timed_regions if name not in self.regions_absent}

    def release_inputs(self) -> None:
        """Free the inputs of the timed calls, which cannot be made afterwards."""
        del self.batch
        self.pass_input = None
        self.before_memory()

    def check(self, labels: Tensor) -> None:
        """Compare the labels of a timed call with those of the first one.

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
                f"system '{self.system.card.name}': predict returned different labels for the same image, so the timed "
                "calls did different work; remove or seed what is random in it, or measure with --deterministic"
            )
        self.labels_hash = labels_hash

    def scored(self) -> tuple[str, dict[str, float]]:
        """Make the call that scoring makes (``benchmark.prediction.predicted``) on the image.

        Returns:
            The hash of its labels, and its time in ms by the parts that the system names; empty if it names none.

        Raises:
            LabelsError: the labels differ from those that were timed.
        """
        labels, parts_ms = time_parts(lambda: self._predicted(self.image), self.synchronise)
        found = _hash(labels)
        if found != self.labels_hash:
            raise LabelsError(
                f"system '{self.system.card.name}': predict returns different labels when it is scored than when it is "
                "timed; make predict a function of the image alone"
            )
        return found, parts_ms

    def tells_images_apart(self) -> bool:
        """Whether another image, the negative of this one upside down, has other labels.

        False of a net that gives both the same labels although it computes them anew, as a hardly trained one may:
        one class everywhere, or classes that depend on the distance from the border. Nothing can be told then.

        Raises:
            LabelsError: the labels are the same and of several classes, and were not computed from the other image.
        """
        other = 255 - self.image[::-1]
        labels = self._predicted(other)
        if _hash(labels) != self.labels_hash:
            return True
        if (labels != labels.flat[0]).any() and self._is_stale(other):
            raise LabelsError(
                f"system '{self.system.card.name}': predict returned the same labels for two different images; a "
                "measurement must compute every call anew, so remove what keeps earlier results"
            )
        return False

    def _is_stale(self, other: Image) -> bool:
        """Whether the logits of two images with the same labels are equal, or give the other image other labels.

        Where ``predict`` is more than the labels of the logits, equal logits alone tell.
        """
        first, second = (self._logits(image) for image in (self.image, other))
        if torch.equal(first, second):
            return True
        size = (self.image.shape[0], self.image.shape[1])
        hashes = [_hash(self.system.labels_of(logits, size)[0].cpu().numpy()) for logits in (first, second)]
        return hashes[0] == self.labels_hash != hashes[1]

    def _logits(self, image: Image) -> Tensor:
        pixels = np.require(image, np.uint8, ["C", "W"])
        with torch.inference_mode(), self.autocast():
            return self.system.logits(to_batch(pixels, self.device, self.form.layout))

    def _predicted(self, image: Image) -> Image:
        how: dict[str, Any] = {"device": self.device, "precision": self.form.precision, "layout": self.form.layout}
        return predicted(self.system, image, **how)


def _hash(labels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()
