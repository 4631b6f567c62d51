"""MagNet and MagNet-Fast (Huynh et al. 2021) on DeepGlobe and on Cityscapes, as released and as intended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.magnet.settings import CITYSCAPES, DEEPGLOBE, Settings
from benchmark.card import Card, CustomInference, Recipe
from benchmark.weights.published import HRNET_W18_SMALL_V2, RESNET50

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


_TRAINING_ASSUMPTIONS = (
    "batch 8 in both stages, where the release has 12 for the backbone: as many images in all",
    "images are flipped at random in both stages; the release leaves them as they are when it trains the refinement",
    "the backbone's tiles are drawn from the whole image at any scale from 1/4 to 1; the release always cuts the top"
    " left corner, at one of three scales",
)
_FULL = Card(
    name="magnet",
    title="MagNet",
    group="UHR Methods",
    citation="Huynh, Tran, Luu, Hoai. Progressive Semantic Segmentation. CVPR 2021",
    source=f"{SOURCE}, commit 7f5b876",
    licence="AGPL-3.0 (official code, not copied)",
    fidelity="verified-port",
    backbone="ResNet-50 with GLNet's feature pyramid",
    parameters=28_152_931,
    inference=CustomInference(
        "scales 1/4, 1/2, 1; tiles of 612 seen at 508: 21 passes; 75 % of the pixels replaced at a scale"
    ),
    recipes={"paper": _recipe(454, (2448, 2448), crop=(612, 612), resize=(0.25, 1.0), learning_rate=1e-3)},
    rows=("table1/magnet",),
    imagenet=(RESNET50,),
    heavy=True,
    assumptions=(
        "as released, the refinement is trained with its two inputs in the other order than it infers with",
        *_TRAINING_ASSUMPTIONS,
    ),
    sizes={
        **{"tile_height": 612, "tile_width": 612, "input_height": 508, "input_width": 508},
        **{"border": 10, "median_radius": 5},
    },
)
_CITYSCAPES = replace(
    _FULL,
    name="magnet-cityscapes",
    backbone="HRNetV2-W18-small-v2 + OCR, stem of stride 1",
    parameters=6_634_146,
    inference=CustomInference(
        "scales 1/8, 1/4, 1/2, 1; tiles of 256x128: 85 passes; 32,768 pixels replaced at a scale"
    ),
    recipes={"paper": _recipe(2975, (1024, 2048), crop=(128, 256), resize=(0.0625, 0.2625), learning_rate=0.01)},
    rows=("table3/magnet",),
    size_multiple=8,
    imagenet=(HRNET_W18_SMALL_V2,),
    auxiliary="cross-entropy of the backbone's auxiliary head, weight 0.4",
    remark="starts from 'hrnet-w18s-ocr', which sees 256x128, as the printed row's does; rows of the table's other"
    " groups see 1024x2048",
    assumptions=(
        *_FULL.assumptions[:1],
        *_TRAINING_ASSUMPTIONS[:2],
        "the three refinement modules are trained together on the sum of their losses; the release trains one at a run",
        "without the class weights of the backbone's released configuration, which the other rows have not either",
    ),
    sizes={
        **{"tile_height": 128, "tile_width": 256, "input_height": 128, "input_width": 256},
        **{"border": 10, "median_radius": 2},
    },
)


def _fast(card: Card, inference: str, patches: int) -> Card:
    """MagNet-Fast: few tiles of each scale."""
    released = (
        f"as released, the {patches} tiles kept at a scale are the least uncertain ones: the sort is ascending",
        "as released, refined pixels are scored 0 like all others, so that nearly all points come from a tie, whose"
        " order is torch's; points outside the tiles or within 10 pixels of a tile's side are dropped",
    )
    return replace(
        card,
        name=card.name.replace("magnet", "magnet-fast"),
        title="MagNet-Fast",
        inference=CustomInference(inference),
        rows=tuple(f"{row}-fast" for row in card.rows),
        assumptions=(*released, *card.assumptions),
    )


def _as_intended(card: Card) -> Card:
    """Without the release's slips, in training and in inference."""
    fast = card.title == "MagNet-Fast"
    mended = "trained with the inputs of the refinement in the order of inference; overlapping tiles averaged"
    return replace(
        card,
        name=f"{card.name}-as-intended",
        variant="as-intended",
        fidelity="reimplemented",  # there is no official code to compare with
        assumptions=(
            mended + ("; the most uncertain tiles; points scored where they are refined" if fast else ""),
            *card.assumptions[3 if fast else 1 :],
        ),
    )


_RELEASED = (
    _FULL,
    _fast(_FULL, "as MagNet on 3 tiles of each scale: 7 passes; 90 % of their pixels replaced", 3),
    _CITYSCAPES,
    _fast(_CITYSCAPES, "as MagNet on 4 tiles of each scale: 13 passes; 90 % of their pixels replaced", 4),
)
CARDS: tuple[Card, ...] = (*_RELEASED, *map(_as_intended, _RELEASED))


def settings(card: Card) -> Settings:
    """What the named MagNet does beside the sizes on its card."""
    cityscapes, fast = "cityscapes" in card.name, "fast" in card.name
    full = replace(CITYSCAPES if cityscapes else DEEPGLOBE, as_intended=card.variant == "as-intended")
    return replace(full, points=0.9, patches=4 if cityscapes else 3) if fast else full


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.magnet.system import MagNetSystem

    return MagNetSystem(card, num_classes, settings(card))


def official_keys(card: Card) -> dict[str, Callable[[str], str]]:
    """Our names of the keys in the release's files, by file: the backbone's, then those of the refinement modules."""
    from baselines.hrnet_ocr.net import published_name

    def refinement(index: int) -> Callable[[str], str]:
        return lambda key: f"refinement.{index}.{key}"

    if settings(card).backbone == "resnet-fpn":
        fpn = {"deepglobe_fpn.pth": lambda key: f"backbone.{key.removeprefix('model.')}"}
        return {**fpn, "deepglobe_refinement.pth": refinement(0)}
    hrnet = {"cityscapes_hrnet.pth": lambda key: f"backbone.{published_name(key)}"}
    return {**hrnet, **{f"cityscapes_refinement_{512 << index}.pth": refinement(index) for index in range(3)}}
