"""One training step, and the refusal to go on from losses or gradients that are not finite."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from benchmark.errors import NonFiniteError

LOWEST_SCALE = 1.0  # of fp16 gradients: reached from 65536 when they overflow in every step


def step(
    fabric: Fabric,
    module: _FabricModule,
    optimizer: _FabricOptimizer,
    learning_rate: float,
    batch: tuple[Tensor, Tensor],
    *,
    where: Callable[[], str],
) -> dict[str, float]:
    """One step down the sum of the system's losses, which are returned by name (means over the devices).

    Args:
        fabric: of this run.
        module: the system as set up by fabric, ``loss`` marked as a forward method.
        optimizer: as set up by fabric.
        learning_rate: of this step.
        batch: images float32 ``[B, 3, h, w]`` and targets int64 ``[B, h, w]`` on fabric's device.
        where: says which step this is, for an error.

    Raises:
        NonFiniteError: a loss or the gradient's norm is not finite; no weight has changed then.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group.get("multiplier", 1.0)
    optimizer.zero_grad()
    losses: dict[str, Tensor] = module.loss(*batch)
    fabric.backward(torch.stack(list(losses.values())).sum())
    norm = torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
    reported = fabric.all_reduce(torch.stack([*(loss.detach().float() for loss in losses.values()), norm.float()]))
    assert isinstance(reported, Tensor)
    *values, gradient = reported.tolist()  # the step's one wait for the device
    named = dict(zip(losses, values, strict=True))
    if not (all(map(math.isfinite, values)) and _healthy(fabric, gradient)):
        told = ", ".join(f"{name} {value:g}" for name, value in named.items())
        way = "lower the learning rate, or use --precision fp32"
        raise NonFiniteError(f"{where()}: not finite: losses {told}; gradient norm {gradient:g}; {way}")
    optimizer.step()
    return named


def _healthy(fabric: Fabric, gradient: float) -> bool:
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    # the scaler skips an fp16 step that overflows, and lowers its scale: an error only if that does not end
    return bool(scaler.get_scale() >= LOWEST_SCALE) if scaler else math.isfinite(gradient)
