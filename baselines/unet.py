"""UNet (Ronneberger et al. 2015), local and global: with a ResNet-34 encoder, and the cited paper's 64-channel net."""

from __future__ import annotations

from dataclasses import replace

from baselines.common.builders import mmseg_builder, smp_builder
from baselines.common.recipes import GLOBAL, HALF_SCALE, LOCAL, PATCHES, library, paper, paper_local
from benchmark.card import Card, Recipe
from benchmark.published import RESNET34, mmseg_key
from benchmark.spec import SystemSpec

S5_CONFIG = "unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py"
_RESNET34 = (
    "backbone: the paper names none; ResNet-34, the library's default, has ImageNet weights and costs less than the"
    " 64-channel net of the cited paper, which is 'unet-s5-local' and 'unet-s5-global'"
)
_S5 = "the 64-channel net of the cited paper, for which no ImageNet weights exist"

RESNET34_LOCAL = Card(
    name="unet-local",
    title="UNet",
    group="Local Inference",
    citation="Ronneberger, Fischer, Brox. U-Net. MICCAI 2015",
    source="segmentation-models-pytorch, Unet(resnet34)",
    licence="MIT",
    fidelity="library",
    backbone="ResNet-34",
    parameters=24_437_239,
    inference=LOCAL,
    recipes={"paper": paper_local()},
    rows=("table1/unet-local",),
    imagenet=(RESNET34,),
    assumptions=(_RESNET34, PATCHES),
)
S5_LOCAL = replace(
    RESNET34_LOCAL,
    name="unet-s5-local",
    source=f"mmsegmentation 1.2.2, {S5_CONFIG}",
    licence="Apache-2.0",
    backbone="UNet-S5-D16, 64 channels",
    parameters=28_987_015,
    recipes={"paper": paper_local(), "library": library(S5_CONFIG, iterations=160_000, batch=16)},
    variant="s5",
    size_multiple=16,
    imagenet=(),
    auxiliary="cross-entropy of an FCN head on the 128-channel decoder stage, weight 0.4",
    assumptions=(_S5, PATCHES),
)


def _global(local: Card, name: str, backbone: str, **more_recipes: Recipe) -> Card:
    return replace(
        local,
        name=name,
        group="Global Inference",
        inference=GLOBAL,
        recipes={"paper": paper(GLOBAL.scale), **more_recipes},
        rows=("table1/unet-global",),
        assumptions=(backbone, HALF_SCALE),
    )


RESNET34_GLOBAL = _global(RESNET34_LOCAL, "unet-global", _RESNET34)
S5_GLOBAL = _global(
    S5_LOCAL, "unet-s5-global", _S5, library=library(S5_CONFIG, iterations=160_000, batch=16, scale=GLOBAL.scale)
)
SYSTEMS = (
    *(SystemSpec(card, smp_builder("Unet", "resnet34"), "net.{}".format) for card in (RESNET34_LOCAL, RESNET34_GLOBAL)),
    *(SystemSpec(card, mmseg_builder(S5_CONFIG), mmseg_key) for card in (S5_LOCAL, S5_GLOBAL)),
)
