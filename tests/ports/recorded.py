"""What the official networks gave on a CPU (float32), recorded once, for weights and images that seeds make anew.

A file ``data/NAME.npz`` holds slices of the official outputs and, as JSON under ``about``, what the weights are made
of: ``shapes`` of the official keys, ``scale`` and ``set`` where the seeded values are scaled or replaced, ``alias`` for
keys that name a tensor once more, ``constant`` for tensors that the official constructor fixes (their values stand in
the file). No official code and no published weight is here.
"""

from __future__ import annotations

import functools
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).with_name("data")


def seeded_tensor(key: str, shape: list[int]) -> np.ndarray:
    """The tensor of an official key: it depends on the key and the shape alone."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        values = generator.uniform(0.5, 1.5, shape)
    elif key.endswith("running_mean"):
        values = 0.1 * generator.standard_normal(shape)
    elif len(shape) >= 2:
        values = generator.standard_normal(shape) * np.sqrt(2.0 / math.prod(shape[1:]))
    elif key.endswith("bias"):
        values = 0.05 * generator.standard_normal(shape)
    else:  # gains of norms, learnt scalars
        values = generator.uniform(0.8, 1.2, shape)
    return np.asarray(values, np.float32)


def seeded_image(height: int, width: int, seed: int) -> Tensor:
    """Waves and noise: an RGB image ``[1, 3, H, W]`` in whole 1/255, the same on every platform."""
    generator = np.random.default_rng(seed)
    down, right = np.mgrid[0:height, 0:width].astype(np.float64)
    image = np.zeros((height, width, 3))
    for _ in range(12):
        frequency_down, frequency_right, phase = *generator.uniform(0.5, 40, 2), generator.uniform(0, 6.28)
        wave = np.sin(frequency_down * down / height * 6.28 + frequency_right * right / width * 6.28 + phase)
        image += generator.uniform(-30, 30, 3) * wave[..., None]
    image += 128 + generator.normal(0, 8, (height, width, 3))
    levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return torch.from_numpy(levels).permute(2, 0, 1)[None].contiguous() / 255


class Recording:
    """One recording: its slices by name, and official state dicts."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            self.arrays = dict(file)
        self.about: dict[str, Any] = json.loads(self.arrays.pop("about").tobytes())

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def state(self, net: str = "", shapes: dict[str, list[int]] | None = None) -> dict[str, Tensor]:
        """The state dict of the main net, or of another one, in the keys of the official code.

        ``shapes`` stand for those of the recording, for a net of other class counts.
        """
        about = self.about["nets"][net] if net else self.about
        state = {
            key: torch.from_numpy(self._values(about, key, shape)) for key, shape in (shapes or about["shapes"]).items()
        }
        return state | {key: state[name] for key, name in about.get("alias", {}).items() if name in state}

    def _values(self, about: dict[str, Any], key: str, shape: list[int]) -> np.ndarray:
        if key in about.get("constant", ()):
            return self.arrays[f"const_{key.replace('.', '_')}"]
        if key in about.get("set", {}):
            return np.asarray(about["set"][key], np.float32).reshape(shape)
        seeded = seeded_tensor(about.get("prefix", "") + key, shape)
        return seeded * np.float32(about["scale"][key]) if key in about.get("scale", {}) else seeded


@functools.cache
def recording(name: str) -> Recording:
    """A recording by name; read once."""
    return Recording(name)


def relative(ours: Tensor, official: Tensor) -> float:
    """The largest difference over the largest official value."""
    return float((ours.double() - official.double()).abs().max() / official.double().abs().max())


def equal(ours: Tensor, official: Tensor) -> float:
    """The share of equal labels."""
    assert ours.shape == official.shape
    return float((ours == official).double().mean())
