"""Test-time augmentation: a net's answer to an image and to its mirror images and quarter turns, averaged."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.inference import Net
from benchmark.large.slabs import Enlarge

VIEWS = [(quarters, mirrored) for quarters in range(4) for mirrored in (False, True)]


def turned(net: Net, enlarge: Enlarge) -> Net:
    """A net that sees each image eight times, and whose logits are the logarithm of the mean probability.

    Args:
        net: ``[B, 3, h, w]`` to logits of any stride.
        enlarge: logits to the image's size.

    Returns:
        A net whose logits ``[B, C, h, w]`` have the image's size.
    """

    def mean(image: Tensor) -> Tensor:
        total: Tensor | None = None
        for quarters, mirrored in VIEWS:
            view = torch.rot90(image, quarters, (2, 3))
            view = (view.flip(3) if mirrored else view).contiguous()
            shares = enlarge(net(view), (view.shape[-2], view.shape[-1])).float().softmax(dim=1)
            shares = torch.rot90(shares.flip(3) if mirrored else shares, -quarters, (2, 3))
            total = shares if total is None else total.add_(shares)
        assert total is not None  # there are always eight views
        return total.div_(len(VIEWS)).log_()

    return mean
