"""The terms of eq. 8, each as in the text and as in the released code. The model weighs and sums them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.inference import resize
from benchmark.system import IGNORE
from isdnet.variants import Form


def cross_entropy(logits: Tensor, target: Tensor, form: Form) -> Tensor:
    """L_SEG and L_AUX: logits ``[B, C, h, w]`` enlarged to the target ``[B, H, W]``.

    The text's mean is over labelled pixels, and 0 where none is; the released code divides by all pixels.
    """
    logits = resize(logits, (target.shape[-2], target.shape[-1]))
    total = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    if form.entropy_mean == "all":
        return total / target.numel()
    return total / (target != IGNORE).sum().clamp(min=1)


def super_resolution(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Eq. 6, as a mean: reconstruction ``[B, 3, h, w]`` enlarged to the target ``[B, 3, H, W]``."""
    return F.mse_loss(resize(reconstruction, (target.shape[-2], target.shape[-1])), target)


def structure_distillation(deep: Tensor, sr: Tensor, form: Form) -> Tensor:
    """Eq. 7: difference of the Gram matrices over positions, of maps ``[B, C, h, w]``; ``sr`` is resized to ``deep``.

    Text: Frobenius norm, mean over the batch. Released code (isdhead.py, ``feature_affinity_loss``): every channel
    divided by its norm over the positions, mean absolute difference, no gradient into the super-resolution side.
    """
    sr = resize(sr, (deep.shape[-2], deep.shape[-1]))
    if form.distillation == "plain":
        norms: Tensor = torch.linalg.matrix_norm(gram(deep) - gram(sr))
        return norms.mean()
    return F.l1_loss(gram(_unit_channels(deep)), gram(_unit_channels(sr)).detach())


def gram(maps: Tensor) -> Tensor:
    """``F^T F`` of maps ``[B, C, h, w]``: ``[B, hw, hw]``.

    Each entry is the product of the features at two positions, so the relation of all pairs is in it. Memory grows with
    the square of the positions: 4 bytes times ``B (hw)^2`` in float32.
    """
    flat = maps.flatten(2)
    return flat.transpose(1, 2) @ flat


def _unit_channels(maps: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(maps, dim=(2, 3), keepdim=True)
    return maps / (norms + 1e-6)
