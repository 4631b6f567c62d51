"""DGF (Wu et al. 2018): a guided filter with a learnt guide enlarges a coarse system's map along the image's edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines import hrnet_ocr
from benchmark.card import Card, CustomInference
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

BASE = hrnet_ocr.CARD
GUIDE_PARAMETERS = 711  # 256 + 65 for each of seven classes

FULL = Card(
    name="dgf",
    title="DGF",
    group="UHR Methods",
    citation="Wu, Zheng, Zhang, Huang. Fast End-to-End Trainable Guided Filter. CVPR 2018",
    source="wuhuikai/DeepGuidedFilter, ComputerVision/Deeplab-Resnet",
    licence="none stated (official code, not copied)",
    fidelity="verified-port",
    backbone=BASE.backbone,
    parameters=BASE.parameters + GUIDE_PARAMETERS,
    inference=CustomInference("guided filter of the enlarged logits at full size, one guide for each class"),
    recipes={
        "paper": BASE.recipes["paper"].then(
            "guide",
            iterations=2_000,
            crop=(512, 1024),
            resize=(0.5, 2.0),
            learning_rate=2.5e-3,
            momentum=0.0,
            weight_decay=5e-4,
            poly_power=0.9,
        )
    },
    rows=("table3/dgf",),
    imagenet=BASE.imagenet,
    base=BASE.name,
    auxiliary=BASE.auxiliary,
    sizes={"radius": 4},
    remark=hrnet_ocr.REFINED_HERE,
    assumptions=(
        "radius, epsilon and training: neither MagNet nor ISDNet prints them; those of the authors' segmentation net,"
        " with the learning rate of its new layers; the coarse system stays frozen, where the authors keep training it",
        "2,000 steps without momentum: the authors' 20,000 iterations of one image make one step in ten, with a new"
        " optimiser after each; the batch is that of the coarse system's recipe, theirs is 10",
        "crops of 512x1024 at 0.5 to 2 times the size, like the coarse system's training: the authors' net sees entire"
        " images at 321x321 times 0.5 to 1.3, and the guide at its own size",
        "pixels without a label are ignored: in the authors' code they count as background",
        "the guide is made from the full-size image: one of the coarse map's size could add no detail",
    ),
)
FAST = replace(
    FULL,
    name="dgf-fast",
    title="DGF (fast)",
    variant="fast",
    inference=CustomInference("local lines fitted on the coarse map, enlarged, then applied to the full-size guides"),
    sizes={"radius": 1},
    assumptions=(*FULL.assumptions, "radius 1, in pixels of the coarse map: the authors' fast filter"),
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of the card on its base, with random weights."""
    from baselines.dgf.guided_filter import DeepGuidedFilter

    return DeepGuidedFilter(card, num_classes, base, fast=card.variant == "fast")


SYSTEMS = tuple(SystemSpec(card, build) for card in (FULL, FAST))
