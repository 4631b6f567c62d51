"""Nets, images and targets that are the same on every machine and under every version of torch."""

import zlib

import numpy as np
import torch

from isdnet.cards import SYSTEMS

SPEC = {spec.card.name: spec for spec in SYSTEMS}
CARD = {name: spec.card for name, spec in SPEC.items()}


def net(name: str, num_classes: int = 7, seed: int = 0):
    torch.manual_seed(seed)
    return SPEC[name].build(CARD[name], num_classes)


def numbered(name: str, num_classes: int = 7):
    """A net whose weights are a function of their names alone, with every part of it at work."""
    system = net(name, num_classes)
    system.load_state_dict({key: _numbers(key, value) for key, value in system.state_dict().items()})
    return system


def _numbers(key: str, like: torch.Tensor) -> torch.Tensor:
    if not like.is_floating_point():
        return like
    drawn = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(tuple(like.shape))
    if key.endswith("alpha"):
        drawn = np.full_like(drawn, 0.5)
    elif like.dim() > 1:
        drawn *= np.sqrt(2 / np.prod(like.shape[1:]))
    elif key.endswith("running_var"):
        drawn = 1 + 0.2 * np.abs(drawn)
    else:
        drawn = 0.2 * drawn + key.endswith("bn.weight")
    return torch.from_numpy(drawn).to(like.dtype)


def image(height: int, width: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((batch, 3, height, width), dtype=np.float32))


def target(height: int, width: int, batch: int = 1, classes: int = 7, seed: int = 1) -> torch.Tensor:
    """Labels with a twentieth of the pixels ignored."""
    drawn = np.random.default_rng(seed).integers(0, 20 * classes, (batch, height, width))
    return torch.from_numpy(np.where(drawn < 7, 255, drawn % classes))


def without_dropout(system):
    for part in system.modules():
        if isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
        if hasattr(part, "drop_prob"):  # of a transformer's residual paths
            part.drop_prob = 0.0
    return system
