"""Which pixels MagNet replaces: those where the refined map is certain and the coarse one is not."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]  # height, width
BAND = 64  # rows filtered at a time: all windows of an 11x11 filter take 121 times the map's memory


def certainty(probabilities: Tensor) -> Tensor:
    """The first probability minus the second, ``[B, 1, H, W]`` of ``[B, C, H, W]``."""
    first, second = probabilities.topk(2, dim=1).values.unbind(dim=1)
    return (first - second)[:, None]


def median(maps: Tensor, radius: int) -> Tensor:
    """The median of each pixel's square neighbourhood in ``[B, 1, H, W]``; outside the map are zeros.

    The neighbourhood's side is ``2 * radius + 1`` pixels.
    """
    side = 2 * radius + 1
    rows = F.pad(maps, (radius,) * 4).unfold(2, side, 1)  # [B, 1, H, W + 2 radius, side]
    bands = (band.unfold(3, side, 1).flatten(4).median(dim=4).values for band in torch.split(rows, BAND, dim=2))
    return torch.cat(list(bands), dim=2)


def error_score(coarse: Tensor, refined: Tensor, doubted: Tensor | None, size: Size, radius: int) -> Tensor:
    """Certainty of the refined map times uncertainty of the coarse one, smoothed (section 3.4), ``[1, 1, h, w]``.

    The release scores all pixels and keeps the nearest ones of a small map: the same as scoring these.

    Args:
        coarse: probabilities ``[1, C, H, W]``.
        refined: the same.
        doubted: pixels ``[H, W]`` whose refined certainty counts as 0.
        size: (h, w), at which the score is smoothed.
        radius: of the median filter.
    """
    sure = certainty(F.interpolate(refined, size))
    if doubted is not None:
        sure *= ~F.interpolate(doubted[None, None].byte(), size).bool()
    return median(sure * (1 - certainty(F.interpolate(coarse, size))), radius)


def highest(score: Tensor, size: Size, count: int) -> Tensor:
    """The ``count`` pixels with the highest score, bool ``[H, W]``; ties are broken by ``topk``.

    Args:
        score: ``[1, 1, h, w]``, enlarged to the nearest pixel.
        size: (H, W).
        count: at most H * W.
    """
    flat = F.interpolate(score, size).flatten()
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[flat.topk(count, sorted=False).indices] = True
    return chosen.view(size)


def released_mask(inside: Tensor, chosen: Tensor) -> Tensor:
    """Chosen pixels ``[H, W]`` that the release considers to be inside tiles.

    It samples the mask bilinearly at the pixels' centres and asks for more than 0: rounding lets in about half of the
    pixels just outside, which is 1 % of the image at a quarter of the paper's size.
    """
    height, width = inside.shape
    numbers = chosen.flatten().nonzero()[:, 0]
    across = (numbers % width).float() * (1 / width) + 0.5 / width
    down = (numbers // width).float() * (1 / height) + 0.5 / height
    centres = 2 * torch.stack([across, down], dim=1)[None, :, None] - 1
    kept = F.grid_sample(inside[None, None].float(), centres, align_corners=False).flatten() > 0
    mask = torch.zeros_like(chosen).flatten()
    mask[numbers[kept]] = True
    return mask.view(height, width)


def replace(coarse: Tensor, refined: Tensor, chosen: Tensor) -> None:
    """Take the refined probabilities ``[1, C, H, W]`` at the chosen pixels ``[H, W]``, in place."""
    for old, new in zip(coarse[0], refined[0], strict=True):  # class by class, so that no third full map is needed
        torch.where(chosen, new, old, out=old)
