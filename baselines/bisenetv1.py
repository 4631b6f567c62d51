"""BiSeNetV1 (Yu et al. 2018) with ResNet-18."""

from __future__ import annotations

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.published import RESNET18, mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "bisenetv1/bisenetv1_r18-d32-in1k-pre_4xb4-160k_cityscapes-1024x1024.py"

CARD = Card(
    name="bisenetv1",
    title="BiSeNetV1",
    group="Global Inference",
    citation="Yu, Wang, Peng, Gao, Yu, Sang. BiSeNet: Bilateral Segmentation Network. ECCV 2018",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="ResNet-18",
    parameters=13_272_455,
    inference=WholeImage(),
    recipes={
        "paper": paper(),
        "library": library(
            CONFIG, iterations=160_000, batch=16, crop=(1024, 1024), learning_rate=0.025, warmup_iterations=1000
        ),
    },
    rows=("table1/bisenetv1", "table3/bisenetv1"),
    imagenet=(RESNET18,),
    auxiliary="cross-entropy of two FCN heads, weight 1.0 each",
    assumptions=(
        "entire image at full size: the paper does not say, and the printed FPS allow it (9.6 TFLOP/s on DeepGlobe)",
        "ImageNet weights from torchvision: the configuration names the v1c file, which does not fit this backbone's"
        " 7x7 stem, and the printed 74.44 is mmsegmentation's result without ImageNet weights",
    ),
)
SYSTEMS = (SystemSpec(CARD, mmseg_builder(CONFIG, imagenet_into="backbone.context_path.backbone"), mmseg_key),)
