"""FCtL (Li et al. 2021): FCN-8s on patches that attend to their contexts; the published nets of DeepGlobe and Inria."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baselines.blocks.weights import VGG16
from benchmark.card import Card, Own, Recipe

if TYPE_CHECKING:
    from benchmark.system import System

DECAY = 5e-5 * 0.5**0.9  # the Inria stages run from epoch 50 to 100 of a poly schedule of 100 epochs


def _recipe(order: tuple[str, ...], iterations: int, learning_rate: float, side: int) -> Recipe:
    """Stages on patches see as many patches as in the release; the one on whole images has a step per batch there."""
    stages: dict[str, dict[str, Any]] = {stage: {"iterations": 9 * iterations} for stage in order}
    if "global" in stages:
        stages["global"] = {"iterations": iterations}
    return Recipe(
        source="liqiokkk/FCtL, option.py, helper.py and train_*.sh, which the ICCV 2021 paper (section 4.2) describes",
        crop=(side, side),
        iterations=sum(stage["iterations"] for stage in stages.values()),
        batch=6,
        optimizer="adam",
        learning_rate=learning_rate,
        photometric=False,
        max_class_share=1.0,
        datasets={
            "deepglobe": {"crop": (2448, 2448)},
            "inria": {"crop": (5000, 5000)},
            "cityscapes": {"crop": (1024, 2048), "rotate": "none"},
        },
        stages=stages,
    )


_PATCHES = "patches of 508 that overlap by 50 or more, each with three contexts"
_MERGED = "; their logits are summed"
_CHOICES = (
    "one view of each image, as in the release's validation: its test loops over eight (two flips by four rotations),"
    " 202 TFLOP an image, which the FPS that ISDNet prints leave no room for",
    "VGG-16's three dead fully connected layers are dropped in every encoder; in the release they are registered, move"
    " to the GPU and are never used",
    "a training step takes four patches of each image, the same places in all, where the release sums the gradients of"
    " all patches: so many more steps that as many patches are seen",
    "on images smaller than the paper's the padding of 100 pixels shrinks with the patch; what the 7x7 layer then lacks"
    " it pads itself, by up to two cells",
    "pixels without a label are left out of the loss; the release has none",
    "context regions are resized in floating point, where the release's PIL rounds to 8 bits",
)
_CARD = Card(
    name="fctl",
    title="FCtL",
    group="UHR Methods",
    citation="Li, Yang, Liu, Yu, He. From Contexts to Locality: Ultra-high Resolution Image Segmentation via"
    " Locality-aware Contextual Correlation. ICCV 2021",
    source="own code after github.com/liqiokkk/FCtL, branch Deepglobe (mode 4)",
    licence="MIT",
    fidelity="verified-port",
    backbone="VGG-16, three encoders",
    parameters=170_037_240,
    inference=Own(f"{_PATCHES}, 8 at a time{_MERGED}"),
    recipes={"paper": _recipe(("global", "local", "medium", "all"), 3_800, 5e-5, 2448)},
    rows=("table1/fctl",),
    imagenet=(VGG16,),
    heavy=True,
    choices=(*_CHOICES, "the global encoder is trained first, not third: it depends on no other stage"),
    sizes={"patch": 508, "overlap": 50, "padding": 100},
)
_INRIA = replace(
    _CARD,
    name="fctl-inria",
    source="own code after github.com/liqiokkk/FCtL, branch main (mode 3)",
    inference=Own(f"{_PATCHES}, 16 at a time{_MERGED}"),
    recipes={"paper": _recipe(("local", "thrice", "twice", "all"), 1_050, DECAY, 5000)},
    rows=("table2/fctl",),
    choices=(*_CHOICES, "another net than on DeepGlobe, as published: other contexts, no means taken out of queries"),
)


def _batched(card: Card) -> Card:
    return replace(
        card,
        name=f"{card.name}-batched",
        variant="batched",
        inference=Own(f"{_PATCHES}, as many at a time as fit into 8 GiB{_MERGED}"),
    )


CARDS: tuple[Card, ...] = (_CARD, _INRIA, _batched(_CARD), _batched(_INRIA))


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.blocks.fctl_forms import FCtLDeepGlobe, FCtLInria

    return (FCtLInria if card.name.startswith("fctl-inria") else FCtLDeepGlobe)(card, num_classes)
