"""SegFix (Yuan et al. 2020): a net that sees boundaries in the image and moves a base's labels off them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baselines.hrnet_ocr import CARDS as _BASES
from benchmark.card import Card, CustomInference
from benchmark.weights.published import HRNET_W18, HRNET_W48

if TYPE_CHECKING:
    from benchmark.system import System

_BASE = _BASES[0]
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
_RECIPES = {name: recipe.then("segfix", **_RELEASED_SCHEDULE) for name, recipe in _BASE.recipes.items()}

_SEGFIX = Card(
    name="segfix",
    title="SegFix",
    group="UHR Methods",
    citation="Yuan, Xie, Chen, Wang. SegFix: Model-Agnostic Boundary Refinement for Segmentation. ECCV 2020",
    source="openseg-group/openseg.pytorch, lib/models/nets/segfix.py; trunk from mmsegmentation 1.2.2",
    licence="MIT",
    fidelity="verified-port",
    backbone="HRNetV2-W48, beside the base's",
    parameters=_BASE.parameters + 65_697_344,
    inference=CustomInference(
        "the base's labels; those on predicted boundaries are taken from 2 pixels further inside"
    ),
    recipes=_RECIPES,
    rows=("table3/segfix",),
    imagenet=(*_BASE.imagenet, HRNET_W48),
    base=_BASE.name,
    heavy=True,
    auxiliary="boundary and direction losses of weight 1.0 each, of the stage that trains SegFix alone",
    sizes={"max_distance": 5, "offset": 2},
    remark="the base sees 256x128, here and in the printed row (an author's answer in MagNet's issue 14); rows of the"
    " table's other groups see 1024x2048",
    assumptions=(
        "base of 63.24, as MagNet compares",
        "SegFix sees the whole 1024x2048 image, or it could add nothing: MagNet's author does not say",
        "HRNet-W48, the release's first choice: MagNet names none; segfix-w18 is the small one",
        "labels are copied from whole pixels; segfix-as-released interpolates and rounds them",
        "one pass over the whole image, as the release's simple script; its others cut crops of 512 that overlap by two"
        " thirds and average, several times the cost",
        "boundary where the enlarged probability exceeds 0.5, as the release computes it",
        "targets from the label crop: continued at its border, all regions count, 100 pixels or not, and directions are"
        " learnt on boundaries only; the release's flip leaves exactly horizontal directions as they were, ours not",
        "directions are classified from exact angles, where the release first rounds them down to 2 degrees; where the"
        " distance is flat they are left out, where the release takes what atan2 gives",
        "batch of the base's recipe (the release has 16); its shift of brightness by up to 10 of 255 left out",
        "max_distance 5 and offset 2 are pixels of any image: on 2448x2448 a thinner band than on 1024x2048",
    ),
)

CARDS: tuple[Card, ...] = (
    _SEGFIX,
    replace(
        _SEGFIX,
        name="segfix-as-released",
        variant="as released",
        assumptions=(
            *_SEGFIX.assumptions[:3],
            "images blue first and batch norm with absolute weights, as the published files want them",
            "labels interpolated and rounded with torch's grid_sample as it is today, which invents"
            " labels between those of neighbours; with torch before 1.3 the script copied whole pixels",
            *_SEGFIX.assumptions[4:],
        ),
    ),
    replace(
        _SEGFIX,
        name="segfix-w18",
        variant="HRNet-W18",
        backbone="HRNetV2-W18, beside the base's",
        parameters=_BASE.parameters + 9_704_084,
        imagenet=(*_BASE.imagenet, HRNET_W18),
    ),
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of one of ``CARDS`` on ``base``, with random weights."""
    from baselines.segfix.system import SegFixSystem

    width = 18 if card.name.startswith("segfix-w18") else 48
    return SegFixSystem(card, num_classes, base, width, as_released=card.variant == "as released")


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one net for all cards
    """Names in the release's checkpoints -> ours; the base has a file of its own."""
    from baselines.segfix.net import published_name

    return lambda key: f"net.{published_name(key)}"
