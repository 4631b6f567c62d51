"""How the MagNets differ, beside the pixel-sized settings on their cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Scales, budgets and form of one MagNet."""

    backbone: Literal["resnet-fpn", "hrnet-ocr"]
    scales: tuple[float, ...]  # sides over the image's, coarse to fine; the last one is 1
    modules: int  # refinement modules: one for all scales, or one for each but the first
    points: float | None  # share of the chosen tiles' pixels that are replaced at a scale; None: as many as a tile has
    patches: int | None = None  # tiles chosen at a scale; None: all
    as_intended: bool = False  # without the release's slips against its own comments and its own training


DEEPGLOBE = Settings(backbone="resnet-fpn", scales=(0.25, 0.5, 1.0), modules=1, points=0.75)
CITYSCAPES = Settings(backbone="hrnet-ocr", scales=(0.125, 0.25, 0.5, 1.0), modules=3, points=None)
