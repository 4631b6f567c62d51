"""PSPNet (Zhao et al. 2017) with ResNet-18 at output stride 8, on full, half and quarter images (Table 4)."""

from __future__ import annotations

from dataclasses import replace

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import REDUCED_IMAGES, library, paper, paper_on_scale
from benchmark.card import Card, Downsampled, WholeImage
from benchmark.published import RESNET18_V1C, mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py"

FULL = Card(
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
    assumptions=(
        "backbone: the paper names none; the printed 74.87 is mmsegmentation's result for ResNet-18 at output stride 8",
    ),
)


def _reduced(name: str, scale: float) -> Card:
    return replace(
        FULL,
        name=name,
        inference=Downsampled(scale),
        recipes={"paper": paper_on_scale(scale)},
        rows=(f"table4/{name}",),
        assumptions=(*FULL.assumptions, REDUCED_IMAGES),
    )


SYSTEMS = tuple(
    SystemSpec(card, mmseg_builder(CONFIG), mmseg_key)
    for card in (FULL, _reduced("pspnet-half", 0.5), _reduced("pspnet-quarter", 0.25))
)
