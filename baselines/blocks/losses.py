"""Losses of nets that bring none of their own."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from benchmark.inference import pad_to, resize
from benchmark.system import IGNORE


def padded_pair(image: Tensor, target: Tensor, multiple: int) -> tuple[Tensor, Tensor]:
    """A training crop with sides that are multiples of ``multiple``: the image is continued, the target ignores it."""
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


def focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of ``-(1 - p) ** gamma * log p`` over the labelled pixels, 0 where there are none (Lin et al. 2017).

    Args:
        logits: ``[B, C, h, w]`` at any stride; enlarged to the target.
        target: int64 ``[B, H, W]``, 255 = ignore.
        gamma: how much less a pixel counts that is already right: 3 in FCtL.
    """
    full = resize(logits, (target.shape[-2], target.shape[-1]))
    log_p = -F.cross_entropy(full, target, ignore_index=IGNORE, reduction="none")  # 0 at ignored pixels: no loss
    return -((1 - log_p.exp()) ** gamma * log_p).sum() / (target != IGNORE).sum().clamp(min=1)
