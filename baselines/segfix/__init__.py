"""SegFix (Yuan et al. 2020): a net that sees boundaries in the image and moves a base's labels off them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from baselines import hrnet_ocr
from benchmark.card import Card, CustomInference
from benchmark.published import HRNET_W18, HRNET_W48
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

BASE = hrnet_ocr.CARD
_RELEASED_SCHEDULE: dict[str, Any] = {
    "iterations": 80_000,
    "crop": (512, 512),
    "resize": (1.0, 1.0),
    "learning_rate": 0.04,
    "min_learning_rate": 0.0,
    "weight_decay": 5e-4,
    "rotate": "none",
    "photometric": False,
    "max_class_share": 1.0,
}

_INPUT_AND_WIDTH = (
    "SegFix sees the entire 1024x2048 image: MagNet's author does not say, and on 128x256 it could add nothing",
    "HRNet-W48, the release's first choice: MagNet names none; 'segfix-w18' is the small one",
)
_COPIED = "labels are copied from whole pixels: 'segfix-as-released' interpolates and rounds them"
_INFERENCE_AND_TRAINING = (
    "one pass over the entire image, as in the release's simple script: its other scripts average crops of 512 that"
    " overlap by two thirds, at several times the cost",
    "a pixel is on a boundary where the enlarged probability exceeds 0.5, as the release computes it",
    "training targets come from the label crop: continued at its border, all regions count (the release drops those of"
    " fewer than 100 pixels), directions are learnt on boundaries only",
    "a flip turns every direction: the release's leaves exactly horizontal ones as they were",
    "directions are classified from exact angles: the release first rounds them down to 2 degrees; pixels where the"
    " distance is flat are ignored: the release takes whatever atan2 gives",
    "batch of the coarse system's recipe (the release has 16), no shift of brightness by up to 10 of 255",
    "max_distance 5 and offset 2 are pixels of any image: on 2448x2448 the band is thinner than on 1024x2048",
)

COPYING = Card(
    name="segfix",
    title="SegFix",
    group="UHR Methods",
    citation="Yuan, Xie, Chen, Wang. SegFix: Model-Agnostic Boundary Refinement for Segmentation. ECCV 2020",
    source="openseg-group/openseg.pytorch, lib/models/nets/segfix.py; trunk from mmsegmentation 1.2.2",
    licence="MIT",
    fidelity="verified-port",
    configured_for=("cityscapes",),
    backbone="HRNetV2-W48, beside the base's",
    parameters=BASE.parameters + 65_697_344,
    inference=CustomInference(
        "the coarse labels; those on predicted boundaries are taken from 2 pixels further inside"
    ),
    recipes={name: recipe.then("segfix", **_RELEASED_SCHEDULE) for name, recipe in BASE.recipes.items()},
    rows=("table3/segfix",),
    imagenet=(*BASE.imagenet, HRNET_W48),
    base=BASE.name,
    heavy=True,
    auxiliary="boundary and direction losses of weight 1.0 each, of the stage that trains SegFix alone",
    sizes={"max_distance": 5, "offset": 2},
    remark=hrnet_ocr.REFINED_HERE,
    assumptions=(*_INPUT_AND_WIDTH, _COPIED, *_INFERENCE_AND_TRAINING),
)
AS_RELEASED = replace(
    COPYING,
    name="segfix-as-released",
    variant="as released",
    assumptions=(
        *_INPUT_AND_WIDTH,
        "images are read blue first and batch norm takes absolute weights, as the published files need",
        "labels are interpolated and rounded by torch's grid_sample as it is today, which invents labels between those"
        " of neighbours: with torch before 1.3 the script copied whole pixels",
        *_INFERENCE_AND_TRAINING,
    ),
)
SMALL = replace(
    COPYING,
    name="segfix-w18",
    variant="HRNet-W18",
    backbone="HRNetV2-W18, beside the base's",
    parameters=BASE.parameters + 9_704_084,
    imagenet=(*BASE.imagenet, HRNET_W18),
)


def build(card: Card, num_classes: int, base: System, *, width: int = 48, as_released: bool = False) -> System:
    """SegFix on a base, with random weights; ``width`` is HRNet's."""
    from baselines.segfix.system import SegFixSystem

    return SegFixSystem(card, num_classes, base, width, as_released=as_released)


def published_key(key: str) -> str:
    """Our name of a key in the release's checkpoints; the base has a file of its own."""
    from baselines.segfix.net import published_name

    return f"net.{published_name(key)}"


SYSTEMS = (
    SystemSpec(COPYING, build, published_key),
    SystemSpec(AS_RELEASED, partial(build, as_released=True), published_key),
    SystemSpec(SMALL, partial(build, width=18), published_key),
)
