"""HRNetV2-W18-small-v2 + OCR on images of an eighth of the side: the coarse system of Table 3's refiners."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmark.card import Card, Downsampled, Recipe
from benchmark.weights.published import HRNET_W18_SMALL_V2

if TYPE_CHECKING:
    from benchmark.system import System

SCALE = 0.125  # 256x128 of 2048x1024
RECIPE = Recipe(
    source="VinAIResearch/MagNet, backbone/experiments/cityscapes (484 epochs of 2975 images); the papers name none",
    resize=(0.5 * SCALE, 2.1 * SCALE),
    crop=(128, 256),
    iterations=120_032,
    batch=12,
    learning_rate=0.01,
    rotate="none",
    photometric=False,
    max_class_share=1.0,
)

CARDS: tuple[Card, ...] = (
    Card(
        name="hrnet-w18s-ocr",
        title="HRNetW18+OCR",
        group="Coarse Systems",
        citation="Wang et al. HRNet. TPAMI 2020; Yuan, Chen, Wang. Object-Contextual Representations. ECCV 2020",
        source="VinAIResearch/MagNet, magnet/model/hrnet_ocr; trunk from mmsegmentation 1.2.2",
        licence="AGPL-3.0 (official code, not copied)",
        fidelity="verified-port",
        backbone="HRNetV2-W18-small-v2, stem of stride 1",
        parameters=6_369_870,
        inference=Downsampled(SCALE),
        recipes={"paper": RECIPE},
        size_multiple=8,
        imagenet=(HRNET_W18_SMALL_V2,),
        auxiliary="cross-entropy of the auxiliary head, weight 0.4; its logits are in the mean that is inferred",
        assumptions=(
            "the model of 63.24 that MagNet, SegFix, DGF, DenseCRF and PointRend of Table 3 start from: it sees 256x128"
            " where the table's other rows see 1024x2048",
            "without the class weights of the released configuration, which the other rows have not either",
        ),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of the card, with random weights."""
    from baselines.hrnet_ocr.net import HRNetOCRSystem

    return HRNetOCRSystem(card, num_classes)


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one card
    """Names in MagNet's published ``cityscapes_hrnet.pth`` -> ours."""
    from baselines.hrnet_ocr.net import published_name

    return lambda key: f"net.{published_name(key)}"
