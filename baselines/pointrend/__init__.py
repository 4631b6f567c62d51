"""PointRend (Kirillov et al. 2020) with ResNet-50: on reduced images as the tables' source ran it, and at full size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from baselines.common.recipes import library, paper
from benchmark.card import Card, Downsampled, Recipe, WholeImage
from benchmark.published import RESNET50_V1C, mmseg_key
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

CONFIG = "point_rend/pointrend_r50_4xb2-80k_cityscapes-512x1024.py"
PIXELS_PER_POINT = 64  # 8196 points for 512x1024 pixels, the crops that the configuration trains on


def _recipes(scale: float = 1.0, crop: tuple[int, int] = (512, 1024)) -> dict[str, Recipe]:
    """The common protocol and the configuration's; the crop is ``crop`` on images reduced to fewer pixels than that."""
    schedule = {"iterations": 80_000, "batch": 8, "warmup_iterations": 200}
    both = {"paper": paper(scale), "library": library(CONFIG, crop=crop, scale=scale, **schedule)}
    if scale < 1:
        differing = {name: {**settings, "crop": crop} for name, settings in both["paper"].datasets.items()}
        both["paper"] = replace(both["paper"], crop=crop, datasets=differing)
    return both


_BACKBONE = (
    "backbone: the paper names none; ResNet-50, since MagNet, the source of both accuracies, compares with ResNet-50 on"
    " DeepGlobe (HRNetV2-W18-small-v2 on Cityscapes, for which nobody published PointRend)"
)
_POINTS = "two steps of 8196 points, as in the configuration; a smaller profile takes the same share of the pixels"
_FULL_SIZE = (
    "entire image at full size: the printed 6.25 FPS on DeepGlobe would need 13.0 TFLOP/s there (the peak of an RTX"
    " 2080 Ti is 13.4), the 7.14 on Cityscapes 5.2"
)

DEEPGLOBE = Card(
    name="pointrend",
    title="PointRend",
    group="UHR Methods",
    citation="Kirillov, Wu, He, Girshick. PointRend: Image Segmentation as Rendering. CVPR 2020",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="ResNet-50-v1c, FPN",
    parameters=28_700_959,
    inference=Downsampled(508 / 2448),
    recipes=_recipes(508 / 2448, (508, 508)),
    rows=("table1/pointrend",),
    imagenet=(RESNET50_V1C,),
    auxiliary="cross-entropy of 2048 sampled points of the crop, weight 1.0",
    remark="sees 508x508 and enlarges its result, as for the printed accuracy; the printed FPS must be of larger"
    " images: see 'pointrend-whole'",
    assumptions=(
        _BACKBONE,
        _POINTS,
        "image reduced to 508x508, result enlarged: the printed 71.78 is MagNet's result, whose base sees 508x508; the"
        " printed FPS would be only 0.6 TFLOP/s at that size, so they were taken on larger images: see"
        " 'pointrend-whole'",
    ),
)
CITYSCAPES = replace(
    DEEPGLOBE,
    name="pointrend-256x128",  # width first, unlike all sizes here: committed records carry this name
    inference=Downsampled(0.125),
    recipes=_recipes(0.125, (128, 256)),
    rows=("table3/pointrend",),
    remark="sees 128x256 and enlarges its result, here and in the printed row, which is MagNet's (an author's answer in"
    " MagNet's issue 14); rows of the table's other groups see 1024x2048",
    assumptions=(_BACKBONE, _POINTS),
)
FULL_SIZE = replace(
    DEEPGLOBE,
    name="pointrend-whole",
    inference=WholeImage(),
    recipes=_recipes(),
    rows=("table1/pointrend", "table3/pointrend"),
    remark="",
    variant="full size",
    assumptions=(_BACKBONE, _POINTS, _FULL_SIZE),
)
DENSE = replace(
    FULL_SIZE,
    name="pointrend-dense",
    variant="full size, points in proportion",
    fidelity="reimplemented",  # the library's net, but not its number of points
    assumptions=(
        _BACKBONE,
        f"one point per {PIXELS_PER_POINT} pixels of the input in each step, the density of 8196 points on 512x1024: on"
        " 2448x2448, 8196 points are 0.14 % of the pixels, so the point head would change almost nothing",
        _FULL_SIZE,
    ),
)


def build(card: Card, num_classes: int, *, pixels_per_point: int = 0) -> System:
    """PointRend with random weights; ``pixels_per_point``: a number of points in proportion to the input, if not 0."""
    from baselines.common.mmseg_adapter import library_config
    from baselines.pointrend.system import PointRendSystem, Subdivision

    return PointRendSystem(card, num_classes, library_config(CONFIG), Subdivision(pixels_per_point=pixels_per_point))


SYSTEMS = (
    *(SystemSpec(card, build, mmseg_key) for card in (DEEPGLOBE, CITYSCAPES, FULL_SIZE)),
    SystemSpec(DENSE, partial(build, pixels_per_point=PIXELS_PER_POINT), mmseg_key),
)
