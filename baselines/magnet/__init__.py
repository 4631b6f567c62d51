"""MagNet and MagNet-Fast (Huynh et al. 2021) on DeepGlobe and on Cityscapes, as released and as intended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from baselines.magnet.settings import CITYSCAPES, DEEPGLOBE, Settings
from benchmark.card import Card, CustomInference, Recipe
from benchmark.published import HRNET_W18_SMALL_V2, RESNET50
from benchmark.spec import KeyMap, SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

SOURCE = "VinAIResearch/MagNet"
_REFINEMENT = {"learning_rate": 1e-3, "steps": (0.2, 0.4, 0.6, 0.8, 0.9), "resize": (1.0, 1.0)}


def _recipe(images: int, side: tuple[int, int], **backbone: object) -> Recipe:
    """484 epochs of the backbone on tiles, 50 epochs of the refinement on whole images of ``side``, batch 8."""
    first, second = 484 * images // 8, 50 * images // 8
    options: dict[str, object] = {"rotate": "none", "photometric": False, "max_class_share": 1.0, **backbone}
    return Recipe(
        source=f"{SOURCE}, backbone/experiments, train.py and scripts",
        iterations=first + second,
        stages={
            "backbone": {"iterations": first},
            "refinement": {**_REFINEMENT, "iterations": second, "crop": side},
        },
        **options,  # type: ignore[arg-type]
    )


_EVEN_TILES = (
    "as released only where tiles cover every scale without overlap, as on 2448x2448 and 1024x2048: elsewhere (the"
    " notes count pixels in two tiles) the last ones are moved back to the border; the release spreads the overlap"
)
_TWO_INPUTS = "as released, the refinement is trained with its two inputs swapped against inference"
_FLIPS = "images are flipped at random in both stages: the release does not flip them when it trains the refinement"
_BATCH = "batch 8 in both stages, where the release has 12 for the backbone: as many images in total"
_DEEPGLOBE_TRAINING = (
    _BATCH,
    _FLIPS,
    "the backbone's tiles are drawn from the entire image at any scale from 1/4 to 1: the release always cuts the top"
    " left corner, at one of three scales",
)
_CITYSCAPES_TRAINING = (
    _BATCH,
    _FLIPS,
    "the three refinement modules are trained together on the sum of their losses: the release trains one per run",
    "no class weights in the backbone's loss, unlike its released configuration: the other rows have none either",
)
_IN_ORDER = "trained with the refinement's inputs in the order of inference; overlapping tiles are averaged"
_FAST_IN_ORDER = f"{_IN_ORDER}; the most uncertain tiles are kept; points are scored where they are refined"


def _fast_as_released(tiles: int) -> tuple[str, ...]:
    return (
        _EVEN_TILES,
        f"as released, the {tiles} tiles kept at a scale are the least uncertain ones: the sort is ascending",
        "as released, refined pixels are scored 0 like all others, so nearly all points come from a tie, whose order is"
        " torch's; points outside the tiles or within 10 pixels of a tile's side are dropped",
        _TWO_INPUTS,
    )


FULL = Card(
    name="magnet",
    title="MagNet",
    group="UHR Methods",
    citation="Huynh, Tran, Luu, Hoai. Progressive Semantic Segmentation. CVPR 2021",
    source=f"{SOURCE}, commit 7f5b876",
    licence="AGPL-3.0 (official code, not copied)",
    fidelity="verified-port",
    configured_for=("deepglobe",),
    backbone="ResNet-50 with GLNet's feature pyramid",
    parameters=28_152_931,
    inference=CustomInference(
        "scales 1/4, 1/2, 1; tiles of 612 seen at 508: 21 passes; 75 % of the pixels replaced at each scale"
    ),
    recipes={"paper": _recipe(454, (2448, 2448), crop=(612, 612), resize=(0.25, 1.0), learning_rate=1e-3)},
    rows=("table1/magnet",),
    imagenet=(RESNET50,),
    heavy=True,
    assumptions=(_EVEN_TILES, _TWO_INPUTS, *_DEEPGLOBE_TRAINING),
    sizes={
        **{"tile_height": 612, "tile_width": 612, "input_height": 508, "input_width": 508},
        **{"border": 10, "median_radius": 5},
    },
)
FULL_CITYSCAPES = replace(
    FULL,
    name="magnet-cityscapes",
    configured_for=("cityscapes",),
    backbone="HRNetV2-W18-small-v2 + OCR, stem of stride 1",
    parameters=6_634_146,
    inference=CustomInference(
        "scales 1/8, 1/4, 1/2, 1; tiles of 128x256: 85 passes; 32,768 pixels replaced at each scale"
    ),
    recipes={"paper": _recipe(2975, (1024, 2048), crop=(128, 256), resize=(0.0625, 0.2625), learning_rate=0.01)},
    rows=("table3/magnet",),
    size_multiple=8,
    imagenet=(HRNET_W18_SMALL_V2,),
    auxiliary="cross-entropy of the backbone's auxiliary head, weight 0.4",
    remark="starts from 'hrnet-w18s-ocr', which sees 128x256, like the printed row; rows of the table's other groups"
    " see 1024x2048",
    assumptions=(_EVEN_TILES, _TWO_INPUTS, *_CITYSCAPES_TRAINING),
    sizes={
        **{"tile_height": 128, "tile_width": 256, "input_height": 128, "input_width": 256},
        **{"border": 10, "median_radius": 2},
    },
)
FAST = replace(
    FULL,
    name="magnet-fast",
    title="MagNet-Fast",
    inference=CustomInference("as MagNet on 3 tiles of each scale: 7 passes; 90 % of their pixels replaced"),
    rows=("table1/magnet-fast",),
    assumptions=(*_fast_as_released(3), *_DEEPGLOBE_TRAINING),
)
FAST_CITYSCAPES = replace(
    FULL_CITYSCAPES,
    name="magnet-fast-cityscapes",
    title="MagNet-Fast",
    inference=CustomInference("as MagNet on 4 tiles of each scale: 13 passes; 90 % of their pixels replaced"),
    rows=("table3/magnet-fast",),
    assumptions=(*_fast_as_released(4), *_CITYSCAPES_TRAINING),
)


def build(card: Card, num_classes: int, *, settings: Settings) -> System:
    """The MagNet of some settings, with random weights."""
    from baselines.magnet.system import MagNetSystem

    return MagNetSystem(card, num_classes, settings)


def _fpn_key(key: str) -> str:
    return f"backbone.{key.removeprefix('model.')}"


def _hrnet_key(key: str) -> str:
    from baselines.hrnet_ocr.net import published_name

    return f"backbone.{published_name(key)}"


def _refinement_key(index: int, key: str) -> str:
    return f"refinement.{index}.{key}"


# The release's files: the backbone's, then those of the refinement modules.
_DEEPGLOBE_FILES: Mapping[str, KeyMap] = {
    "deepglobe_fpn.pth": _fpn_key,
    "deepglobe_refinement.pth": partial(_refinement_key, 0),
}
_CITYSCAPES_FILES: Mapping[str, KeyMap] = {
    "cityscapes_hrnet.pth": _hrnet_key,
    **{f"cityscapes_refinement_{512 << index}.pth": partial(_refinement_key, index) for index in range(3)},
}


def _as_intended(spec: SystemSpec, settings: Settings, in_order: str, training: tuple[str, ...]) -> SystemSpec:
    """The same system without the release's slips, in training and in inference."""
    card = replace(
        spec.card,
        name=f"{spec.card.name}-as-intended",
        variant="as-intended",
        fidelity="reimplemented",  # there is no official code to compare with
        configured_for=(),
        assumptions=(in_order, *training),
    )
    return SystemSpec(card, partial(build, settings=replace(settings, as_intended=True)), spec.key_map)


_FAST_SETTINGS = replace(DEEPGLOBE, points=0.9, patches=3)
_FAST_CITYSCAPES_SETTINGS = replace(CITYSCAPES, points=0.9, patches=4)
_RELEASED = (
    SystemSpec(FULL, partial(build, settings=DEEPGLOBE), _DEEPGLOBE_FILES),
    SystemSpec(FAST, partial(build, settings=_FAST_SETTINGS), _DEEPGLOBE_FILES),
    SystemSpec(FULL_CITYSCAPES, partial(build, settings=CITYSCAPES), _CITYSCAPES_FILES),
    SystemSpec(FAST_CITYSCAPES, partial(build, settings=_FAST_CITYSCAPES_SETTINGS), _CITYSCAPES_FILES),
)
SYSTEMS = (
    *_RELEASED,
    _as_intended(_RELEASED[0], DEEPGLOBE, _IN_ORDER, _DEEPGLOBE_TRAINING),
    _as_intended(_RELEASED[1], _FAST_SETTINGS, _FAST_IN_ORDER, _DEEPGLOBE_TRAINING),
    _as_intended(_RELEASED[2], CITYSCAPES, _IN_ORDER, _CITYSCAPES_TRAINING),
    _as_intended(_RELEASED[3], _FAST_CITYSCAPES_SETTINGS, _FAST_IN_ORDER, _CITYSCAPES_TRAINING),
)
