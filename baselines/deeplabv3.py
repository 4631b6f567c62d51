"""DeepLabv3 (Chen et al. 2017) with ResNet-18 at output stride 8: the net that is also ISDNet's deep branch."""

from __future__ import annotations

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.published import RESNET18_V1C, mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "deeplabv3/deeplabv3_r18-d8_4xb2-80k_cityscapes-512x1024.py"

CARD = Card(
    name="deeplabv3",
    title="DeepLabv3",
    group="Generic Methods",
    citation="Chen, Papandreou, Schroff, Adam. Rethinking Atrous Convolution. arXiv:1706.05587, 2017",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="ResNet-18-v1c, output stride 8",
    parameters=13_836_007,
    inference=WholeImage(),
    recipes={"paper": paper(), "library": library(CONFIG, iterations=80_000, batch=8)},
    rows=("table3/deeplabv3",),
    imagenet=(RESNET18_V1C,),
    auxiliary="cross-entropy of an FCN head on backbone stage 3, weight 0.4",
    assumptions=(
        "backbone: the paper names none; the printed 76.70 is mmsegmentation's result for ResNet-18 at output stride 8",
    ),
)
SYSTEMS = (SystemSpec(CARD, mmseg_builder(CONFIG), mmseg_key),)
