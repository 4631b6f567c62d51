"""From an image in host memory to what a system takes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_batch(image: NDArray[np.uint8], device: str, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    """Float32 ``[1, 3, H, W]`` in [0, 1] on the device, in the given memory layout, of a uint8 ``[H, W, 3]`` image."""
    pixels = torch.from_numpy(image).to(device)  # before the conversion: a quarter of the bytes to copy
    return pixels.permute(2, 0, 1)[None].to(torch.float32, memory_format=layout).div_(255)
