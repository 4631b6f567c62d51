"""How generic rivals infer and train, and the assumptions that their cards share.

Two recipes: ``paper``, one protocol for all rivals, and ``library``, the schedule of the net's own configuration.

The paper (section 4.2) prints SGD with momentum 0.9, a learning rate of 1e-3 with polynomial decay of power 0.9, batch
8, and 40k, 80k and 160k iterations on Inria, DeepGlobe and Cityscapes. It prints no crop sizes: a rival that sees the
entire image takes ISDNet's, half the image's side (512x1024 on Cityscapes); one that sees patches takes its patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmark.card import Downsampled, Recipe, SlidingWindow

LOCAL = SlidingWindow(patch=512, overlap=120, batch=4)
GLOBAL = Downsampled(scale=0.5)

# Assumptions that several cards share, in the words that reports show.
PATCHES = (
    "patch 512, overlap 120, four patches at a time: the paper names none of them; they give 36 patches on 2448x2448,"
    " as many as GLNet and FCtL use, and the number at a time changes speed and memory but not the result"
)
HALF_SCALE = (
    "global inference at half scale: the paper names no scale; at full scale the printed FPS of UNet, FCN-8s and"
    " DeepLabv3+ would need more than the peak of an RTX 2080 Ti (13.4 TFLOP/s)"
)
TABLE2_IS_GLOBAL = (
    "Table 2 names no inference scheme: global, since the printed FPS fall from Table 1's global rows to Table 2 as the"
    " image grows (FCN-8s 4.16 times, the area ratio of 5000x5000 to 2448x2448; DeepLabv3+ 2.66 times, that of"
    " 4000x4000)"
)
REDUCED_IMAGES = (
    "reduced images: section 4.5 trains on random scales of 0.5-1 for half and 0.125-0.5 for quarter images; crops have"
    " the size of the reduced image; labels are scored at full size, from enlarged logits"
)


def paper(scale: float = 1.0) -> Recipe:
    """The common protocol for a net that sees the entire image, its sides multiplied by ``scale``.

    The crop keeps its size in pixels at any scale, so a net that infers on reduced images trains on the same view.
    """
    cityscapes = {"crop": (512, 1024), "resize": (0.5 * scale, 2.0 * scale), "iterations": 160_000, "rotate": "none"}
    return Recipe(
        source="paper, section 4.2; crops as for ISDNet, half the image's side",
        resize=(scale, scale),
        crop=(1224, 1224),
        iterations=80_000,
        datasets={"inria": {"crop": (2500, 2500), "iterations": 40_000}, "cityscapes": cityscapes},
    )


def paper_local() -> Recipe:
    """The common protocol for a net that sees patches of the full-size image."""
    cityscapes = {"resize": (0.5, 2.0), "iterations": 160_000, "rotate": "none"}
    return Recipe(
        source="paper, section 4.2; crop = patch",
        crop=(LOCAL.patch, LOCAL.patch),
        iterations=80_000,
        datasets={"inria": {"iterations": 40_000}, "cityscapes": cityscapes},
    )


def paper_on_scale(scale: float) -> Recipe:
    """The protocol of Table 4's rows on reduced Cityscapes images (section 4.5)."""
    ranges = {0.5: (0.5, 1.0), 0.25: (0.125, 0.5)}
    base = paper(scale)
    reduced = {"resize": ranges[scale], "crop": (round(1024 * scale), round(2048 * scale))}
    return replace(base, datasets={**base.datasets, "cityscapes": {**base.datasets["cityscapes"], **reduced}})


def library(
    config: str,
    *,
    iterations: int,
    batch: int,
    crop: tuple[int, int] = (512, 1024),
    learning_rate: float = 0.01,
    scale: float = 1.0,
    **others: Any,
) -> Recipe:
    """The schedule of an mmsegmentation configuration, on images whose sides are multiplied by ``scale``.

    ``batch`` is the sum over all GPUs.
    """
    given: Mapping[str, Any] = {"min_learning_rate": 1e-4, "rotate": "none", **others}
    return Recipe(
        source=f"mmsegmentation 1.2.2, {config}",
        resize=(0.5 * scale, 2.0 * scale),
        crop=crop,
        iterations=iterations,
        batch=batch,
        learning_rate=learning_rate,
        **given,
    )
