"""FCN-8s (Long et al. 2015) on VGG-16, local and global."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.common.recipes import (
    GLOBAL,
    GLOBAL_ASSUMPTION,
    LOCAL,
    LOCAL_ASSUMPTION,
    TABLE2_ASSUMPTION,
    paper,
    paper_local,
)
from benchmark.card import Card
from benchmark.weights.published import VGG16

if TYPE_CHECKING:
    from benchmark.system import System

_LOCAL = Card(
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
    assumptions=(
        "'same' padding where the authors' Caffe net pads the image by 100: the same output size and parameters, and a"
        " patch of 512 costs as much as 512 pixels, not 710, so the rival is the faster for it",
        "skip scores are not scaled down (0.01 and 0.0001 in the authors' all-at-once training): inputs are normalised",
        LOCAL_ASSUMPTION,
    ),
)
CARDS: tuple[Card, ...] = (
    _LOCAL,
    replace(
        _LOCAL,
        name="fcn8s-global",
        group="Global Inference",
        inference=GLOBAL,
        recipes={"paper": paper(GLOBAL.scale)},
        rows=("table1/fcn8s-global", "table2/fcn8s"),
        assumptions=(*_LOCAL.assumptions[:2], GLOBAL_ASSUMPTION, TABLE2_ASSUMPTION),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.fcn8s.system import FCN8sSystem

    return FCN8sSystem(card, num_classes)
