"""From a uint8 image in host memory to a uint8 label map: the call that is both scored and timed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark import inference
from benchmark.card import reduced_size
from benchmark.errors import UserError
from benchmark.system import System

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def predicted(
    system: System,
    image: NDArray[np.uint8],
    *,
    device: str = "cpu",
    precision: str = "fp32",
    scale: float = 1.0,
    layout: torch.memory_format = torch.contiguous_format,
) -> NDArray[np.uint8]:
    """Labels uint8 ``[H, W]`` of an image uint8 ``[H, W, 3]`` by ``system.predict``.

    ``scale`` multiplies the image's sides before the system sees it; labels are always of the original size.

    Raises:
        UserError: the net's values are beyond the range of fp16.
        ValueError: the system's labels are not uint8 ``[1, H, W]``.
    """
    size = image.shape[:2]
    with computing(system, device, precision):
        pixels = to_batch(np.require(image, np.uint8, ["C", "W"]), device, layout)
        labels = _labels_of_reduced(system, pixels, scale) if scale != 1 else system.predict(pixels)
        if labels.dtype != torch.uint8 or labels.shape != (1, *size):
            shape = f"{labels.dtype} {tuple(labels.shape)} for an image of {size}"
            raise ValueError(f"{system.card.name}: predict returned {shape}; expected uint8 [B, H, W]")
    return np.asarray(labels[0].cpu().numpy())


def to_batch(image: NDArray[np.uint8], device: str, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    """A uint8 image ``[H, W, 3]`` in the form that systems take: float32 ``[1, 3, H, W]`` in [0, 1].

    Args:
        image: writable and C-contiguous; torch shares its memory until the conversion to float.
        device: where the result lies.
        layout: memory format of the result.
    """
    pixels = torch.from_numpy(image).to(device)  # before the conversion: a quarter of the bytes to copy
    return pixels.permute(2, 0, 1)[None].to(torch.float32, memory_format=layout).div_(255)


def _labels_of_reduced(system: System, image: Tensor, scale: float) -> Tensor:
    full = (image.shape[-2], image.shape[-1])
    size = reduced_size(full, scale)
    pixels = inference.resize(image, size)
    if type(system).predict is not System.predict:
        return torch.nn.functional.interpolate(system.predict(pixels)[None], size=full, mode="nearest-exact")[0]
    logits = inference.resize(system.logits(pixels), size, align_corners=system.align_corners)
    return inference.labels_from(logits, full, align_corners=system.align_corners)


@contextlib.contextmanager
def computing(system: System, device: str, precision: str) -> Iterator[None]:
    """Inside it nothing is kept for gradients, and convolutions and matrix products have the precision.

    A pass of the net in fp16 whose logits are not finite ends with a UserError: its labels would be wrong.
    """

    def check(_: nn.Module, __: object, logits: object) -> None:
        if isinstance(logits, Tensor) and not bool(torch.isfinite(logits).all()):
            raise UserError(f"--precision fp16: values of '{system.card.name}' are beyond its range; use bf16 or fp32")

    hook = system.register_forward_hook(check) if precision == "fp16" else None
    reduced = torch.autocast(torch.device(device).type, dtype=AUTOCAST.get(precision), enabled=precision != "fp32")
    try:
        with torch.inference_mode(), reduced:
            yield
    finally:
        if hook:
            hook.remove()
