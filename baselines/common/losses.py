"""Losses for nets that come without any."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.inference import pad_to, resize
from benchmark.system import IGNORE


def padded_pair(image: Tensor, target: Tensor, multiple: int) -> tuple[Tensor, Tensor]:
    """A training crop padded until its sides are multiples of ``multiple``; the target ignores the padding.

    Image ``[B, 3, H, W]``, target int64 ``[B, H, W]``; rows are added at the bottom and columns on the right.
    """
    image = pad_to(image, multiple)
    height, width = target.shape[-2:]
    return image, F.pad(target, (0, image.shape[-1] - width, 0, image.shape[-2] - height), value=IGNORE)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over the labelled pixels, 0 where there are none.

    Args:
        logits: ``[B, C, h, w]`` at any stride; enlarged to the target.
        target: int64 ``[B, H, W]``, 255 = ignore.
    """
    full = resize(logits, (target.shape[-2], target.shape[-1]))
    total = F.cross_entropy(full, target, ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss with gamma 3, averaged over labelled pixels (``FocalLoss`` in ``utils/loss.py`` of GLNet and FCtL).

    Args:
        logits: ``[B, C, h, w]``.
        target: int64 ``[B, H, W]``, reduced to the logits by taking the nearest pixel; 255 = ignore.
    """
    small = F.interpolate(target[:, None].float(), logits.shape[-2:], mode="nearest-exact")[:, 0].long()
    labelled = small != IGNORE
    chosen = torch.where(labelled, small, 0)[:, None]
    probability = logits.float().softmax(1).gather(1, chosen)[:, 0].clamp(1e-7, 1 - 1e-7)
    losses = -((1 - probability) ** 3) * probability.log()
    return (losses * labelled).sum() / labelled.sum().clamp(min=1)
