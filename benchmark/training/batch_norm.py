"""Batch norm across the devices that share a batch, and its running statistics after a short training run."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from benchmark.system import System

BatchNorm = nn.modules.batchnorm._BatchNorm


def share_statistics(system: System, device: str) -> None:
    """Let the batch norms of a system take their statistics over the batch of all devices ("SyncBN"), in place.

    Parameters and buffers stay the same objects under the same names.

    Args:
        system: in a process of a distributed run.
        device: "cuda", where torch's own layer does it, or "cpu", which that layer refuses.
    """
    for layer in [layer for layer in system.modules() if type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d)]:
        layer.__class__ = nn.SyncBatchNorm if device == "cuda" else SharedBatchNorm
        layer.process_group = None  # type: ignore[assignment]  # of torch's layer: all processes


class SharedBatchNorm(BatchNorm):
    """Batch norm whose mean and variance in training mode are those of all processes of a run together."""

    def _check_input_dim(self, maps: Tensor) -> None:
        """Any number of dimensions will do."""

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise ``[B, C, ...]``; in eval mode as any batch norm does."""
        if not self.training:
            return super().forward(maps)
        rest = [0, *range(2, maps.dim())]
        shape = [1, -1, *[1] * (maps.dim() - 2)]
        wide = maps.to(torch.promote_types(maps.dtype, torch.float32))  # mixed precision
        count = _total(wide.new_tensor(wide.numel() / wide.shape[1]))
        mean = _total(wide.sum(rest)) / count
        centred = wide - mean.view(shape)
        variance = _total(centred.square().sum(rest)) / count
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * count / (count - 1), share)
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(maps.dtype)


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
