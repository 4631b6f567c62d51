"""CascadePSP's two steps on one mask: the whole image made small, then crops of the full image.

Source: Cheng et al., CVPR 2020, sections 3.2 and 3.3; hkchengrex/CascadePSP, ``eval_helper.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.cascadepsp.net import MULTIPLE, CascadeNet

SKIP_BELOW, SKIP_ABOVE = 0.1, 0.9  # foreground of a crop: outside of these it has no boundary worth refining
GLOBAL_PASSES, LOCAL_PASSES = 3, 2


@dataclass(frozen=True)
class Steps:
    """Sizes in pixels. ``enlarge`` as the pip package: an image below ``side`` is enlarged to it."""

    side: int = 900  # of the global step's image and of a crop
    stride: int = 450
    margin: int = 16  # that a crop's result loses at each border inside the image
    enlarge: bool = False

    def starts(self, length: int) -> list[int]:
        """Starts of the crops along one side; those beyond the border are moved back, equal ones dropped."""
        step = self.stride - 2 * self.margin
        return list(dict.fromkeys(max(0, min(start, length - self.side)) for start in range(0, length + 1, step)))

    def crops(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of every crop."""
        for top, left in itertools.product(self.starts(height), self.starts(width)):
            yield slice(top, min(top + self.side, height)), slice(left, min(left + self.side, width))


@dataclass
class Work:
    """What was done: trunk passes, masks refined, crops run and crops skipped."""

    passes: int = 0
    masks: int = 0
    crops: int = 0
    skipped_crops: int = 0


@dataclass(frozen=True)
class MaskRefiner:
    """Both steps with one net."""

    net: CascadeNet
    steps: Steps
    work: Work = field(default_factory=Work)

    def refined(self, image: Tensor, mask: Tensor) -> Tensor:
        """Foreground probability ``[1, 1, H, W]`` of a mask; 0 everywhere for an empty one (``eval.py``).

        Args:
            image: normalised, ``[1, 3, H, W]``, any size.
            mask: -1 or 1, ``[1, 1, H, W]``.
        """
        if not (mask > 0).any():
            return torch.zeros_like(mask)
        self.work.masks += 1
        fine, coarse = self.refined_globally(image, mask)
        return self.refined_locally(image, fine, coarse)

    def refined_globally(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Full-size mask of 0 and 1 at stride 1 and probability at stride 4, of the image no longer than ``side``."""
        size = mask.shape[-2:]
        ratio = self.steps.side / max(size)
        if ratio < 1:
            image, mask = (F.interpolate(maps, scale_factor=ratio, mode="area") for maps in (image, mask))
        elif ratio > 1 and self.steps.enlarge:
            image = F.interpolate(image, scale_factor=ratio, mode="bicubic", align_corners=False)
            mask = F.interpolate(mask, scale_factor=ratio, mode="bilinear", align_corners=False)
        self.work.passes += GLOBAL_PASSES
        found = padded(self.net, image, mask)
        fine, coarse = (
            F.interpolate(torch.sigmoid(found[name]), size=size, mode="bilinear", align_corners=False)
            for name in ("s1", "s4_3")
        )
        return (fine > 0.5).to(fine.dtype), coarse

    def refined_locally(self, image: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
        """Means of the crops' probabilities; where no crop ran, the global mask."""
        height, width = fine.shape[-2:]
        total, count = torch.zeros_like(fine), torch.zeros_like(fine)
        places = list(self.steps.crops(height, width))
        shares = (float(fine[..., rows, columns].mean()) for rows, columns in places)
        wanted = [place for place, share in zip(places, shares, strict=True) if SKIP_BELOW <= share <= SKIP_ABOVE]
        self.work.crops += len(wanted)
        self.work.skipped_crops += len(places) - len(wanted)
        self.work.passes += LOCAL_PASSES * len(wanted)
        seen = (image, 2 * fine - 1, 2 * coarse - 1)
        for rows, columns in wanted:
            found = torch.sigmoid(padded(self.net, *(maps[..., rows, columns] for maps in seen))["s1"])
            row_cut, column_cut = self._kept(rows, height), self._kept(columns, width)
            inner = (..., _shifted(rows, row_cut), _shifted(columns, column_cut))
            total[inner] += found[..., row_cut, column_cut]
            count[inner] += 1
        return torch.where(count == 0, fine, total / count.clamp(min=1))

    def _kept(self, span: slice, length: int) -> slice:
        """The part of a crop that is kept."""
        first = self.steps.margin if span.start else 0
        return slice(first, span.stop - span.start - (self.steps.margin if span.stop < length else 0))


def padded(net: CascadeNet, image: Tensor, mask: Tensor, coarse: Tensor | None = None) -> dict[str, Tensor]:
    """The net's logits of an image of any size, continued to multiples of 8: the image by 0, masks by -1.

    As released, a side that is a multiple already grows by 8 where the other one is none.
    """
    height, width = mask.shape[-2:]
    fits = height % MULTIPLE == width % MULTIPLE == 0
    more = (0, 0, 0, 0) if fits else (0, MULTIPLE - width % MULTIPLE, 0, MULTIPLE - height % MULTIPLE)
    image, mask = F.pad(image, more), F.pad(mask, more, value=-1.0)
    found = net(image, mask, None if coarse is None else F.pad(coarse, more, value=-1.0))
    return {name: maps[..., :height, :width] for name, maps in found.items()}


def _shifted(span: slice, part: slice) -> slice:
    return slice(span.start + part.start, span.start + part.stop)
