"""ICNet (Zhao et al. 2018) with ResNet-18: three scales of one image inside the net."""

from __future__ import annotations

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.published import RESNET18_V1C, mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "icnet/icnet_r18-d8-in1k-pre_4xb2-160k_cityscapes-832x832.py"

CARD = Card(
    name="icnet",
    title="ICNet",
    group="Generic Methods",
    citation="Zhao, Qi, Shen, Shi, Jia. ICNet for Real-Time Semantic Segmentation. ECCV 2018",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="ResNet-18-v1c, output stride 8",
    parameters=24_872_519,
    inference=WholeImage(),
    recipes={"paper": paper(), "library": library(CONFIG, iterations=160_000, batch=8, crop=(832, 832))},
    rows=("table3/icnet",),
    imagenet=(RESNET18_V1C,),
    auxiliary="cross-entropy of two FCN heads on the coarser cascade stages, weight 0.4 each",
    assumptions=(
        "backbone: the paper names none; the printed 74.43 is mmsegmentation's result for ResNet-18 with ImageNet"
        " weights",
    ),
)
SYSTEMS = (SystemSpec(CARD, mmseg_builder(CONFIG, imagenet_into="backbone.backbone"), mmseg_key),)
