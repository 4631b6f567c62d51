"""BiSeNetV1 (Yu et al. 2018) with ResNet-18."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.weights.published import RESNET18, mmseg_key

if TYPE_CHECKING:
    from benchmark.system import System

CONFIG = "bisenetv1/bisenetv1_r18-d32-in1k-pre_4xb4-160k_cityscapes-1024x1024.py"

CARDS: tuple[Card, ...] = (
    Card(
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
                CONFIG,
                iterations=160_000,
                batch=16,
                crop=(1024, 1024),
                learning_rate=0.025,
                warmup_iterations=1000,
            ),
        },
        rows=("table1/bisenetv1", "table3/bisenetv1"),
        imagenet=(RESNET18,),
        auxiliary="cross-entropy of two FCN heads, weight 1.0 each",
        assumptions=(
            "the whole image at full size, which the printed FPS allow (9.6 TFLOP/s on DeepGlobe)",
            "ImageNet weights of torchvision's ResNet-18: the configuration names the v1c file, whose stem does not fit"
            " this backbone's 7x7 stem; the printed 74.44 is mmsegmentation's figure without ImageNet weights",
        ),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of the card, with random weights."""
    from baselines.common.mmseg_adapter import MMSegSystem, library_config

    return MMSegSystem(card, num_classes, library_config(CONFIG), imagenet_into="backbone.context_path.backbone")


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one card
    """Names in mmsegmentation's published checkpoints -> ours."""
    return mmseg_key
