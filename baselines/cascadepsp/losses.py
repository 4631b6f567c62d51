"""CascadePSP's losses of its six outputs (Cheng et al., CVPR 2020, section 3.1; ``util/metrics_compute.py``)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

EDGE_WEIGHT = 5.0
EDGE_EPSILON = 1e-4


def cascade_losses(logits: Mapping[str, Tensor], truth: Tensor, labelled: Tensor) -> dict[str, Tensor]:
    """Cross-entropy at stride 8, distances at stride 1, half of each at stride 4; edges at stride 1.

    Args:
        logits: the net's outputs ``[B, 1, H, W]`` by name.
        truth: 0 or 1, float ``[B, 1, H, W]``.
        labelled: 1 where the loss counts, float ``[B, 1, H, W]``.
    """
    losses = {name: _loss(name, maps, truth, labelled) for name, maps in logits.items()}
    edges = (_edges(torch.sigmoid(logits["s1"])) - _edges(truth)).abs()
    return {**losses, "edges": EDGE_WEIGHT * _mean(edges, labelled)}


def _loss(name: str, logits: Tensor, truth: Tensor, labelled: Tensor) -> Tensor:
    entropy_weight, distance_weight = {"s8": (1.0, 0.0), "s4": (0.5, 0.25), "s1": (0.0, 1.0)}[name.partition("_")[0]]
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    distance = torch.sigmoid(logits) - truth
    return _mean(entropy_weight * entropy + distance_weight * (distance.abs() + distance**2), labelled)


def _edges(mask: Tensor) -> Tensor:
    """Sobel magnitude of the mask after a 3x3 mean."""
    smooth = F.avg_pool2d(mask, 3, stride=1, padding=1)
    horizontal = mask.new_tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 4
    kernels = torch.stack([horizontal, horizontal.T])[:, None]
    return (F.conv2d(smooth, kernels, padding=1).square().sum(1, keepdim=True) + EDGE_EPSILON).sqrt()


def _mean(values: Tensor, labelled: Tensor) -> Tensor:
    return (values * labelled).sum() / labelled.sum().clamp(min=1)
