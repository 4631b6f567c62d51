"""UNet (Ronneberger et al. 2015), local and global: with a ResNet-34 encoder, and the cited paper's 64-channel net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import GLOBAL, GLOBAL_ASSUMPTION, LOCAL, LOCAL_ASSUMPTION, library, paper, paper_local
from benchmark.card import Card
from benchmark.weights.published import RESNET34, mmseg_key

if TYPE_CHECKING:
    from benchmark.system import System

S5_CONFIG = "unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py"

_LOCAL = Card(
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
    assumptions=(
        "backbone: the paper names none; ResNet-34, the library's default, has ImageNet weights and costs less than the"
        " 64-channel net of the cited paper, which is 'unet-s5-local' / 'unet-s5-global'",
        LOCAL_ASSUMPTION,
    ),
)
_S5_LOCAL = Card(
    name="unet-s5-local",
    title="UNet",
    group="Local Inference",
    citation=_LOCAL.citation,
    source=f"mmsegmentation 1.2.2, {S5_CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="UNet-S5-D16, 64 channels",
    parameters=28_987_015,
    inference=LOCAL,
    recipes={"paper": paper_local(), "library": library(S5_CONFIG, iterations=160_000, batch=16)},
    rows=("table1/unet-local",),
    variant="s5",
    size_multiple=16,
    auxiliary="cross-entropy of an FCN head on the 128-channel decoder stage, weight 0.4",
    assumptions=(
        "the 64-channel net of the cited paper, which has no ImageNet weights",
        LOCAL_ASSUMPTION,
    ),
)


def _global(local: Card, name: str) -> Card:
    recipes = {"paper": paper(GLOBAL.scale)}
    if "library" in local.recipes:
        recipes["library"] = library(S5_CONFIG, iterations=160_000, batch=16, scale=GLOBAL.scale)
    return replace(
        local,
        name=name,
        group="Global Inference",
        inference=GLOBAL,
        recipes=recipes,
        rows=("table1/unet-global",),
        assumptions=(*local.assumptions[:1], GLOBAL_ASSUMPTION),
    )


CARDS: tuple[Card, ...] = (
    _LOCAL,
    _global(_LOCAL, "unet-global"),
    _S5_LOCAL,
    _global(_S5_LOCAL, "unet-s5-global"),
)


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    if card.variant == "s5":
        from baselines.common.mmseg_adapter import MMSegSystem, library_config

        return MMSegSystem(card, num_classes, library_config(S5_CONFIG))
    from baselines.common.smp_adapter import SMPSystem

    return SMPSystem(card, num_classes, "Unet", "resnet34")


def official_keys(card: Card) -> Callable[[str], str | None]:
    """Names in mmsegmentation's (variant s5) or segmentation-models-pytorch's published checkpoints -> ours."""
    return mmseg_key if card.variant == "s5" else "net.{}".format
