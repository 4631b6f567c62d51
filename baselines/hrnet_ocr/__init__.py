"""HRNetV2-W18-small-v2 + OCR on images of an eighth of the side: the coarse system of Table 3's refiners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.card import Card, CustomInference, Recipe
from benchmark.published import HRNET_W18_SMALL_V2
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

SCALE = 0.125  # 128x256 of 1024x2048
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
CARD = Card(
    name="hrnet-w18s-ocr",
    title="HRNetW18+OCR",
    group="Coarse Systems",
    citation="Wang et al. HRNet. TPAMI 2020; Yuan, Chen, Wang. Object-Contextual Representations. ECCV 2020",
    source="VinAIResearch/MagNet, magnet/model/hrnet_ocr; trunk from mmsegmentation 1.2.2",
    licence="AGPL-3.0 (official code, not copied)",
    fidelity="verified-port",
    configured_for=("cityscapes",),
    backbone="HRNetV2-W18-small-v2, stem of stride 1",
    parameters=6_369_870,
    inference=CustomInference(
        "one pass on 1/8 of the sides, reduced by OpenCV's bilinear rule without antialiasing; probabilities enlarged"
    ),
    recipes={"paper": RECIPE},
    size_multiple=8,
    imagenet=(HRNET_W18_SMALL_V2,),
    auxiliary="cross-entropy of the auxiliary head, weight 0.4; inference averages its logits with the main head's",
    assumptions=(
        "the coarse model of 63.24 from which MagNet, SegFix, DGF, DenseCRF and PointRend start in Table 3: it sees"
        " 128x256, where the table's other rows see 1024x2048",
        "no class weights in the loss, unlike the released configuration: the other rows have none either",
    ),
)
REFINED_HERE = (  # a remark on every refiner of this system
    "starts from HRNetW18+OCR (63.24), as MagNet's comparison does; it sees 128x256 here and in the printed row (an"
    " author's answer in MagNet's issue 14), while rows of the table's other groups see 1024x2048"
)


def build(card: Card, num_classes: int) -> System:
    """The system of the card, with random weights."""
    from baselines.hrnet_ocr.net import HRNetOCRSystem

    return HRNetOCRSystem(card, num_classes, SCALE)


def published_key(key: str) -> str:
    """Our name of a key in MagNet's published ``cityscapes_hrnet.pth``."""
    from baselines.hrnet_ocr.net import published_name

    return f"net.{published_name(key)}"


SYSTEMS = (SystemSpec(CARD, build, published_key),)
