"""BiSeNetV2 (Yu et al. 2021), the small net, not "Large"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from baselines.common.recipes import library, paper
from benchmark.card import Card, WholeImage
from benchmark.weights.published import mmseg_key

if TYPE_CHECKING:
    from benchmark.system import System

CONFIG = "bisenetv2/bisenetv2_fcn_4xb8-160k_cityscapes-1024x1024.py"

CARDS: tuple[Card, ...] = (
    Card(
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
                CONFIG,
                iterations=160_000,
                batch=32,
                crop=(1024, 1024),
                learning_rate=0.05,
                warmup_iterations=1000,
            ),
        },
        rows=("table3/bisenetv2",),
        auxiliary="cross-entropy of four FCN heads, weight 1.0 each",
        assumptions=(
            "the small net: mmsegmentation's figure for it is 75.76, the printed one 75.80, and the printed FPS do not"
            " allow the Large net at 1024x2048",
            "no ImageNet weights: the authors train from scratch",
        ),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of the card, with random weights."""
    from baselines.common.mmseg_adapter import MMSegSystem, library_config

    return MMSegSystem(card, num_classes, library_config(CONFIG))


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one card
    """Names in mmsegmentation's published checkpoints -> ours."""
    return mmseg_key
