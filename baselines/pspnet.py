"""PSPNet (Zhao et al. 2017) with ResNet-18 at output stride 8, on whole, half and quarter images (Table 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import SCALES_ASSUMPTION, library, paper, paper_on_scale
from benchmark.card import Card, Downsampled, WholeImage
from benchmark.weights.published import RESNET18_V1C, mmseg_key

if TYPE_CHECKING:
    from benchmark.system import System

CONFIG = "pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py"

_WHOLE = Card(
    name="pspnet",
    title="PSPNet",
    group="Generic Methods",
    citation="Zhao, Shi, Qi, Wang, Jia. Pyramid Scene Parsing Network. CVPR 2017",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="ResNet-18-v1c, output stride 8",
    parameters=12_639_719,
    inference=WholeImage(),
    recipes={"paper": paper(), "library": library(CONFIG, iterations=80_000, batch=8)},
    rows=("table3/pspnet", "table4/pspnet"),
    imagenet=(RESNET18_V1C,),
    auxiliary="cross-entropy of an FCN head on backbone stage 3, weight 0.4",
    assumptions=("backbone: the printed 74.87 is mmsegmentation's figure for ResNet-18 at output stride 8",),
)


def _on_scale(name: str, scale: float) -> Card:
    return replace(
        _WHOLE,
        name=name,
        inference=Downsampled(scale),
        recipes={"paper": paper_on_scale(scale)},
        rows=(f"table4/{name}",),
        assumptions=(*_WHOLE.assumptions, SCALES_ASSUMPTION),
    )


CARDS: tuple[Card, ...] = (_WHOLE, _on_scale("pspnet-half", 0.5), _on_scale("pspnet-quarter", 0.25))


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.common.mmseg_adapter import MMSegSystem, library_config

    return MMSegSystem(card, num_classes, library_config(CONFIG))


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one net for all cards
    """Names in mmsegmentation's published checkpoints -> ours."""
    return mmseg_key
