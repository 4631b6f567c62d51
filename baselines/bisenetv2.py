"""BiSeNetV2 (Yu et al. 2021), the small net, not "Large"."""

from __future__ import annotations

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.published import mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "bisenetv2/bisenetv2_fcn_4xb8-160k_cityscapes-1024x1024.py"

CARD = Card(
    name="bisenetv2",
    title="BiSeNetV2",
    group="Generic Methods",
    citation="Yu, Gao, Wang, Yu, Shen, Sang. BiSeNet V2: Bilateral Network with Guided Aggregation. IJCV 2021",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="its own two branches",
    parameters=3_346_583,
    inference=WholeImage(),
    recipes={
        "paper": paper(),
        "library": library(
            CONFIG, iterations=160_000, batch=32, crop=(1024, 1024), learning_rate=0.05, warmup_iterations=1000
        ),
    },
    rows=("table3/bisenetv2",),
    auxiliary="cross-entropy of four FCN heads, weight 1.0 each",
    assumptions=(
        "the small net: the paper does not say, but mmsegmentation reports 75.76 for it and the table prints 75.80, and"
        " the printed FPS are out of reach of the Large net at 1024x2048",
        "no ImageNet weights: the authors train from scratch",
    ),
)
SYSTEMS = (SystemSpec(CARD, mmseg_builder(CONFIG), mmseg_key),)
