"""Batch norm's running statistics after a short training run."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from benchmark.system import System

BatchNorm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def settle(system: System, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Replace the running statistics of the layers in training mode by their mean over ``batches``.

    The running averages of a short run lag behind the weights ("precise batch norm", Wu and Johnson 2021, section 3.1).
    Layers in eval mode, which a stage has frozen, keep theirs. No weight changes.

    Args:
        system: in the mode in which its stage trains.
        batches: training samples: images ``[B, 3, h, w]`` and targets ``[B, h, w]`` on the system's device.
    """
    layers = [layer for layer in system.modules() if isinstance(layer, BatchNorm) and layer.training]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch then keeps the plain mean over all batches
    try:
        for image, target in batches:
            system.loss(image, target)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
