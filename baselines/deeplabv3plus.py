"""DeepLabv3+ (Chen et al. 2018), local and global: ResNet-50 at output stride 16, and mmsegmentation's at stride 8."""

from __future__ import annotations

from dataclasses import replace

from baselines.common.builders import mmseg_builder, smp_builder
from baselines.common.recipes import (
    GLOBAL,
    HALF_SCALE,
    LOCAL,
    PATCHES,
    TABLE2_IS_GLOBAL,
    library,
    paper,
    paper_local,
)
from benchmark.card import Card, Recipe
from benchmark.published import RESNET50, RESNET50_V1C, mmseg_key
from benchmark.spec import SystemSpec

STRIDE8_CONFIG = "deeplabv3plus/deeplabv3plus_r50-d8_4xb2-80k_cityscapes-512x1024.py"
_STRIDE16 = (
    "backbone: the paper names none; ResNet-50 at output stride 16, the stride that the authors evaluate for speed;"
    " stride 8, at five times the cost, is 'deeplabv3plus-r50d8-local' and 'deeplabv3plus-r50d8-global'"
)
_STRIDE8 = "backbone: the paper names none; mmsegmentation's ResNet-50 at output stride 8"

LOCAL_CARD = Card(
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
    assumptions=(_STRIDE16, PATCHES),
)
STRIDE8_LOCAL_CARD = replace(
    LOCAL_CARD,
    name="deeplabv3plus-r50d8-local",
    source=f"mmsegmentation 1.2.2, {STRIDE8_CONFIG}",
    licence="Apache-2.0",
    backbone="ResNet-50-v1c, output stride 8",
    parameters=41_219_031,
    recipes={"paper": paper_local(), "library": library(STRIDE8_CONFIG, iterations=80_000, batch=8)},
    variant="r50d8",
    size_multiple=1,
    imagenet=(RESNET50_V1C,),
    auxiliary="cross-entropy of an FCN head on backbone stage 3, weight 0.4",
    assumptions=(_STRIDE8, PATCHES),
)


def _global(local: Card, name: str, backbone: str, **more_recipes: Recipe) -> Card:
    return replace(
        local,
        name=name,
        group="Global Inference",
        inference=GLOBAL,
        recipes={"paper": paper(GLOBAL.scale), **more_recipes},
        rows=("table1/deeplabv3plus-global", "table2/deeplabv3plus"),
        assumptions=(backbone, HALF_SCALE, TABLE2_IS_GLOBAL),
    )


GLOBAL_CARD = _global(LOCAL_CARD, "deeplabv3plus-global", _STRIDE16)
STRIDE8_GLOBAL_CARD = _global(
    STRIDE8_LOCAL_CARD,
    "deeplabv3plus-r50d8-global",
    _STRIDE8,
    library=library(STRIDE8_CONFIG, iterations=80_000, batch=8, scale=GLOBAL.scale),
)
SYSTEMS = (
    *(
        SystemSpec(card, smp_builder("DeepLabV3Plus", "resnet50"), "net.{}".format)
        for card in (LOCAL_CARD, GLOBAL_CARD)
    ),
    *(SystemSpec(card, mmseg_builder(STRIDE8_CONFIG), mmseg_key) for card in (STRIDE8_LOCAL_CARD, STRIDE8_GLOBAL_CARD)),
)
