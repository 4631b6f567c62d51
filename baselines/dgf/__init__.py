"""DGF (Wu et al. 2018): a guided filter with a learnt guide enlarges a coarse system's map along the image's edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines import hrnet_ocr
from benchmark.card import Card, CustomInference

if TYPE_CHECKING:
    from benchmark.system import System

BASE = hrnet_ocr.CARDS[0]
GUIDE_PARAMETERS = 711  # 256 + 65 for each of seven classes

CARD = Card(
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
    remark="the base sees 256x128, here and in the printed row (an author's answer in MagNet's issue 14); rows of the"
    " table's other groups see 1024x2048",
    assumptions=(
        "neither MagNet nor ISDNet prints radius, epsilon or training: those of the authors' segmentation net, with the"
        " rate of its new layers; the base stays frozen, where the authors go on training it too",
        "2,000 steps without momentum: the authors' 20,000 iterations of one image make a step every ten, and their"
        " optimiser is made anew after each; batch of the base's recipe, theirs is 10",
        "crops of 512x1024 at 0.5 to 2 times the size, as the base is trained; the authors' net sees whole images at"
        " 321x321 times 0.5 to 1.3 and the guide at its own size; pixels without a label are left out, theirs count as"
        " background",
        "the guide is made from the full-size image: from a guide of the base's size no detail could come",
    ),
)
CARDS: tuple[Card, ...] = (
    CARD,
    replace(
        CARD,
        name="dgf-fast",
        title="DGF (fast)",
        variant="fast",
        inference=CustomInference(
            "the filter's lines found on the base's map, enlarged, applied to the full-size guides"
        ),
        sizes={"radius": 1},
        assumptions=(*CARD.assumptions, "radius 1, in pixels of the base's map: the authors' fast filter"),
    ),
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of the card on its base, with random weights."""
    from baselines.dgf.guided_filter import DeepGuidedFilter

    return DeepGuidedFilter(card, num_classes, base, fast=card.variant == "fast")
