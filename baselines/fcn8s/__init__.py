"""FCN-8s (Long et al. 2015) on VGG-16, local and global."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import GLOBAL, HALF_SCALE, LOCAL, PATCHES, TABLE2_IS_GLOBAL, paper, paper_local
from benchmark.card import Card
from benchmark.published import VGG16
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

_NET = (
    "'same' padding: the authors' Caffe net pads the image by 100; output size and parameters are the same, but a patch"
    " of 512 costs as much as 512 pixels, not 710, so this rival is faster than theirs",
    "skip scores are not scaled down (by 0.01 and 0.0001 in the authors' all-at-once training), since inputs are"
    " normalised",
)
LOCAL_CARD = Card(
    name="fcn8s-local",
    title="FCN-8s",
    group="Local Inference",
    citation="Long, Shelhamer, Darrell. Fully Convolutional Networks for Semantic Segmentation. CVPR 2015",
    source="own code after the paper",
    licence="MIT",
    fidelity="reimplemented",
    backbone="VGG-16",
    parameters=134_308_725,
    inference=LOCAL,
    recipes={"paper": paper_local()},
    rows=("table1/fcn8s-local",),
    imagenet=(VGG16,),
    heavy=True,
    assumptions=(*_NET, PATCHES),
)
GLOBAL_CARD = replace(
    LOCAL_CARD,
    name="fcn8s-global",
    group="Global Inference",
    inference=GLOBAL,
    recipes={"paper": paper(GLOBAL.scale)},
    rows=("table1/fcn8s-global", "table2/fcn8s"),
    assumptions=(*_NET, HALF_SCALE, TABLE2_IS_GLOBAL),
)


def build(card: Card, num_classes: int) -> System:
    """FCN-8s with random weights."""
    from baselines.fcn8s.system import FCN8sSystem

    return FCN8sSystem(card, num_classes)


SYSTEMS = (SystemSpec(LOCAL_CARD, build), SystemSpec(GLOBAL_CARD, build))
