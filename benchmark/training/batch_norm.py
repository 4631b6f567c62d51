"""Batch norm across the devices that share a batch, and its running statistics after a short training run."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from benchmark.system import System

BatchNorm = nn.modules.batchnorm._BatchNorm


class SharedStatistics(TorchFunctionMode):
    """While open, batch norms in training mode take their statistics over the batch of all processes ("SyncBN").

    The function that every kind of batch norm ends in is replaced. So layers that add something of their own to torch's
    are covered, and on a CPU too, which torch's SyncBatchNorm refuses. Each process has an equal share of the batch.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, or what takes its place."""
        if func is F.batch_norm:
            bound = _SIGNATURE.bind(*args, **(kwargs or {}))
            bound.apply_defaults()
            if bound.arguments.pop("training"):
                return _normalised(**bound.arguments)
        return func(*args, **(kwargs or {}))


_SIGNATURE = inspect.signature(F.batch_norm)


def _normalised(
    input: Tensor,  # noqa: A002  # the names of torch's function
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """Maps ``[B, C, ...]`` normalised by the mean and variance of all processes; updates the running ones."""
    rest = [0, *range(2, input.dim())]
    shape = [1, -1, *[1] * (input.dim() - 2)]
    wide = input.to(torch.promote_types(input.dtype, torch.float32))  # mixed precision
    count = wide.numel() // wide.shape[1] * torch.distributed.get_world_size()
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    mean = _total(wide.sum(rest)) / count
    centred = wide - mean.view(shape)
    variance = _total(centred.square().sum(rest)) / count
    with torch.no_grad():
        for running, now in ((running_mean, mean), (running_var, variance * count / (count - 1))):
            if running is not None:
                running.lerp_(now.to(running.dtype), momentum)
    normalised = centred * (variance + eps).rsqrt().view(shape)
    if weight is not None and bias is not None:
        normalised = normalised * weight.view(shape) + bias.view(shape)
    return normalised.to(input.dtype)


def _total(share: Tensor) -> Tensor:
    """The sum over all processes, through which gradients flow."""
    total: Tensor = all_reduce(share)  # type: ignore[no-untyped-call]
    return total


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
