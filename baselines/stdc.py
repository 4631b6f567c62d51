"""STDC1 with detail guidance (Fan et al. 2021)."""

from __future__ import annotations

import re

from baselines.common.builders import mmseg_builder
from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.published import STDC1, mmseg_key
from benchmark.spec import SystemSpec

CONFIG = "stdc/stdc1_in1k-pre_4xb12-80k_cityscapes-512x1024.py"

CARD = Card(
    name="stdc",
    title="STDC",
    group="Global Inference",
    citation="Fan et al. Rethinking BiSeNet For Real-time Semantic Segmentation. CVPR 2021",
    source=f"mmsegmentation 1.2.2, {CONFIG}",
    licence="Apache-2.0",
    fidelity="library",
    backbone="STDC1",
    parameters=8_272_039,
    inference=WholeImage(),
    recipes={"paper": paper(), "library": library(CONFIG, iterations=80_000, batch=48, warmup_iterations=1000)},
    rows=("table1/stdc", "table2/stdc", "table3/stdc"),
    imagenet=(STDC1,),
    auxiliary="OHEM cross-entropy of two FCN heads, weight 1.0 each; detail head, BCE 1.0 + Dice 1.0",
    assumptions=(
        "STDC1, not STDC2: the paper does not say, but STDC1's first stages are ISDNet's shallow branch, and the"
        " printed 74.5 on Cityscapes is the authors' result for STDC1-Seg75",
        "entire image at full size: the printed FPS allow it (5.4 TFLOP/s on DeepGlobe), although the authors' 74.5 on"
        " Cityscapes is for inputs of 768x1536",
    ),
)

# The authors' layers -> ours. Their classifiers have no bias: ours stays at zero. Their detail heads have one output
# channel and mmsegmentation's has two, so they are left out. So is the ImageNet classifier.
_AUTHORS = (
    (r"cp\.backbone\.features\.([01])\.(.+)", "backbone.backbone.stages.{0}.{1}"),
    (r"cp\.backbone\.features\.(\d)\.conv_list\.(.+)", "backbone.backbone.stages.{block}.layers.{1}"),
    (r"cp\.backbone\.features\.(\d)\.avd_layer\.0\.(.+)", "backbone.backbone.stages.{block}.downsample.conv.{1}"),
    (r"cp\.backbone\.features\.(\d)\.avd_layer\.1\.(.+)", "backbone.backbone.stages.{block}.downsample.bn.{1}"),
    (r"cp\.arm32\.conv\.(.+)", "backbone.arms.0.conv_layer.{0}"),
    (r"cp\.arm16\.conv\.(.+)", "backbone.arms.1.conv_layer.{0}"),
    (r"cp\.arm32\.(conv|bn)_atten\.(.+)", "backbone.arms.0.atten_conv_layer.1.{0}.{1}"),
    (r"cp\.arm16\.(conv|bn)_atten\.(.+)", "backbone.arms.1.atten_conv_layer.1.{0}.{1}"),
    (r"cp\.conv_head32\.(.+)", "backbone.convs.0.{0}"),
    (r"cp\.conv_head16\.(.+)", "backbone.convs.1.{0}"),
    (r"cp\.conv_avg\.(.+)", "backbone.conv_avg.{0}"),
    (r"ffm\.convblk\.(.+)", "backbone.ffm.conv0.{0}"),
    (r"ffm\.conv([12])\.(.+)", "backbone.ffm.attention.{0}.conv.{1}"),
    (r"conv_out\.conv\.(.+)", "decode_head.convs.0.{0}"),
    (r"conv_out\.conv_out\.(.+)", "decode_head.conv_seg.{0}"),
    (r"conv_out16\.conv\.(.+)", "auxiliary_head.0.convs.0.{0}"),
    (r"conv_out16\.conv_out\.(.+)", "auxiliary_head.0.conv_seg.{0}"),
    (r"conv_out32\.conv\.(.+)", "auxiliary_head.1.convs.0.{0}"),
    (r"conv_out32\.conv_out\.(.+)", "auxiliary_head.1.conv_seg.{0}"),
)
_BLOCKS = {"2": "2.0", "3": "2.1", "4": "3.0", "5": "3.1", "6": "4.0", "7": "4.1"}  # of `features` -> of `stages`


def published_key(key: str) -> str | None:
    """Our name of a key in mmsegmentation's or the authors' (STDC-Seg) checkpoint; None for what is left out.

    The authors' detail heads and ImageNet classifier are left out.
    """
    for pattern, name in _AUTHORS:
        match = re.fullmatch(pattern, key)
        if match:
            return "net." + name.format(*match.groups(), block=_BLOCKS.get(match[1]))
    return mmseg_key(key)


SYSTEMS = (SystemSpec(CARD, mmseg_builder(CONFIG, imagenet_into="backbone.backbone"), published_key),)
