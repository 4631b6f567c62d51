"""PointRend (Kirillov et al. 2020) with ResNet-50: on reduced images as the tables' source ran it, and at full size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import library, paper
from benchmark.card import Card, Downsampled, Recipe, WholeImage
from benchmark.weights.published import RESNET50_V1C, mmseg_key

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


def _card(name: str, **others: object) -> Card:
    return replace(_DEEPGLOBE, name=name, **others)  # type: ignore[arg-type]


_SHARED_ASSUMPTIONS = (
    "ResNet-50: the paper names no backbone, and MagNet, from which both accuracies are taken, compares with ResNet-50"
    " on DeepGlobe (HRNetV2-W18-small-v2 on Cityscapes, for which nobody published PointRend)",
    "two steps of 8196 points, as the configuration has it; a smaller profile takes the same share of the pixels",
)
_DEEPGLOBE = Card(
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
    remark="sees 508x508, its result enlarged, as for the printed accuracy; the printed FPS must be of larger images:"
    " see 'pointrend-whole'",
    assumptions=(
        *_SHARED_ASSUMPTIONS,
        "508x508 image, its result enlarged: the printed 71.78 is MagNet's figure, whose base sees 508x508; the printed"
        " FPS would be 0.6 TFLOP/s at that size, so it was taken on larger images: see pointrend-whole",
    ),
)
_WHOLE_ASSUMPTION = (
    "the whole image at full size: the printed 6.25 FPS on DeepGlobe would need 13.0 TFLOP/s there (the peak of an"
    " RTX 2080 Ti is 13.4), the 7.14 on Cityscapes 5.2"
)

CARDS: tuple[Card, ...] = (
    _DEEPGLOBE,
    _card(
        "pointrend-256x128",
        inference=Downsampled(0.125),
        recipes=_recipes(0.125, (128, 256)),
        rows=("table3/pointrend",),
        remark="sees 256x128, its result enlarged, here and in the printed row, which is MagNet's figure (an author's"
        " answer in MagNet's issue 14); rows of the table's other groups see 1024x2048",
        assumptions=_SHARED_ASSUMPTIONS,
    ),
    _card(
        "pointrend-whole",
        inference=WholeImage(),
        recipes=_recipes(),
        rows=("table1/pointrend", "table3/pointrend"),
        remark="",
        variant="full size",
        assumptions=(*_SHARED_ASSUMPTIONS, _WHOLE_ASSUMPTION),
    ),
    _card(
        "pointrend-dense",
        inference=WholeImage(),
        recipes=_recipes(),
        rows=("table1/pointrend", "table3/pointrend"),
        remark="",
        variant="full size, points in proportion",
        assumptions=(
            _SHARED_ASSUMPTIONS[0],
            f"a point for {PIXELS_PER_POINT} pixels of the input in each step, the density of 8196 points on 512x1024:"
            " 8196 points are 0.14 % of 2448x2448, so that the point head would touch almost nothing",
            _WHOLE_ASSUMPTION,
        ),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.common.mmseg_adapter import library_config
    from baselines.pointrend.system import PointRendSystem, Subdivision

    subdivision = Subdivision(pixels_per_point=PIXELS_PER_POINT if card.name == "pointrend-dense" else 0)
    return PointRendSystem(card, num_classes, library_config(CONFIG), subdivision)


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one net for all cards
    """Names in mmsegmentation's published checkpoints -> ours."""
    return mmseg_key
