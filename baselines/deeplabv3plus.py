"""DeepLabv3+ (Chen et al. 2018), local and global: ResNet-50 at output stride 16, and mmsegmentation's at stride 8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import (
    GLOBAL,
    GLOBAL_ASSUMPTION,
    LOCAL,
    LOCAL_ASSUMPTION,
    TABLE2_ASSUMPTION,
    library,
    paper,
    paper_local,
)
from benchmark.card import Card
from benchmark.weights.published import RESNET50, RESNET50_V1C, mmseg_key

if TYPE_CHECKING:
    from benchmark.system import System

R50D8_CONFIG = "deeplabv3plus/deeplabv3plus_r50-d8_4xb2-80k_cityscapes-512x1024.py"

_LOCAL = Card(
    name="deeplabv3plus-local",
    title="DeepLabv3+",
    group="Local Inference",
    citation="Chen, Zhu, Papandreou, Schroff, Adam. Encoder-Decoder with Atrous Separable Convolution. ECCV 2018",
    source="segmentation-models-pytorch, DeepLabV3Plus(resnet50)",
    licence="MIT",
    fidelity="library",
    backbone="ResNet-50, output stride 16",
    parameters=26_679_127,
    inference=LOCAL,
    recipes={"paper": paper_local()},
    rows=("table1/deeplabv3plus-local",),
    size_multiple=16,
    imagenet=(RESNET50,),
    assumptions=(
        "backbone: the paper names none; ResNet-50 at output stride 16, the stride that the authors evaluate for speed;"
        " stride 8 at five times the cost is 'deeplabv3plus-r50d8-local' / 'deeplabv3plus-r50d8-global'",
        LOCAL_ASSUMPTION,
    ),
)
_R50D8_LOCAL = replace(
    _LOCAL,
    name="deeplabv3plus-r50d8-local",
    source=f"mmsegmentation 1.2.2, {R50D8_CONFIG}",
    licence="Apache-2.0",
    backbone="ResNet-50-v1c, output stride 8",
    parameters=41_219_031,
    recipes={"paper": paper_local(), "library": library(R50D8_CONFIG, iterations=80_000, batch=8)},
    variant="r50d8",
    size_multiple=1,
    imagenet=(RESNET50_V1C,),
    auxiliary="cross-entropy of an FCN head on backbone stage 3, weight 0.4",
    assumptions=("backbone: the paper names none; mmsegmentation's ResNet-50 at output stride 8", LOCAL_ASSUMPTION),
)


def _global(local: Card, name: str) -> Card:
    recipes = {"paper": paper(GLOBAL.scale)}
    if "library" in local.recipes:
        recipes["library"] = library(R50D8_CONFIG, iterations=80_000, batch=8, scale=GLOBAL.scale)
    return replace(
        local,
        name=name,
        group="Global Inference",
        inference=GLOBAL,
        recipes=recipes,
        rows=("table1/deeplabv3plus-global", "table2/deeplabv3plus"),
        assumptions=(*local.assumptions[:1], GLOBAL_ASSUMPTION, TABLE2_ASSUMPTION),
    )


CARDS: tuple[Card, ...] = (
    _LOCAL,
    _global(_LOCAL, "deeplabv3plus-global"),
    _R50D8_LOCAL,
    _global(_R50D8_LOCAL, "deeplabv3plus-r50d8-global"),
)


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    if card.variant == "r50d8":
        from baselines.common.mmseg_adapter import MMSegSystem, library_config

        return MMSegSystem(card, num_classes, library_config(R50D8_CONFIG))
    from baselines.common.smp_adapter import SMPSystem

    return SMPSystem(card, num_classes, "DeepLabV3Plus", "resnet50")


def official_keys(card: Card) -> Callable[[str], str | None]:
    """Names in mmsegmentation's (variant r50d8) or segmentation-models-pytorch's published checkpoints -> ours."""
    return mmseg_key if card.variant == "r50d8" else "net.{}".format
