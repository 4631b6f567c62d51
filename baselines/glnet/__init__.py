"""GLNet (Chen et al., CVPR 2019): all patches of the image and the whole image, each helped by the other's features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmark.card import Card, CustomInference, Recipe
from benchmark.weights.published import RESNET50

if TYPE_CHECKING:
    from benchmark.system import System

EPOCH = 454 / 6  # steps: training images over images a step
STEPS = {"global": round(120 * EPOCH), "local": round(50 * EPOCH), "local-to-global": round(120 * EPOCH)}
RELEASE = Recipe(
    source="the release's option.py, train_deep_globe.py and helper.py: 120, 50 and 120 epochs of 454 images",
    crop=(2448, 2448),
    batch=6,
    iterations=sum(STEPS.values()),
    optimizer="adam",
    learning_rate=5e-5,
    weight_decay=5e-4,
    photometric=False,
    max_class_share=1.0,
    stages={
        stage: {"iterations": steps, "learning_rate": 2e-5 if stage == "local" else 5e-5}
        for stage, steps in STEPS.items()
    },
    datasets={"inria": {"crop": (5000, 5000)}, "cityscapes": {"crop": (1024, 2048), "rotate": "none"}},
)
SIZES = {"global": 508, "patch": 508, "least_overlap": 50}
TRAINING_ASSUMPTIONS = (
    "a step trains the local branch and the ensemble on a sub-batch of 6 patches spread over its images, and counts"
    " their mean loss once for each sub-batch of the image; the release goes through all patches and adds up the"
    " gradients of 36 such losses of 6 images, which one loss cannot without holding them all in memory",
    "unknown (class 0 of DeepGlobe) is trained as a class and may be predicted, as released; only padding is ignored",
    "Inria: its settings are unpublished; the same sizes and steps, patches of 508 with an overlap of 50 or more: 121",
)

_RELEASED = Card(
    name="glnet",
    title="GLNet",
    group="UHR Methods",
    citation="Chen, Jiang, Wang, Cui, Qian. Collaborative Global-Local Networks for Memory-Efficient Segmentation of"
    " Ultra-High Resolution Images. CVPR 2019",
    source="github.com/VITA-Group/GLNet at 7b7bdee, mode 3",
    licence="MIT",
    fidelity="verified-port",
    backbone="ResNet-50, twice",
    parameters=158_401_834,
    inference=CustomInference(
        "whole image at 508x508; patches of 508 that overlap by 50 or more, 6 at a time, with the whole image's"
        " features; the whole image again with theirs; ensemble; logits summed on the host in float64"
    ),
    recipes={"paper": RELEASE},
    rows=("table1/glnet", "table2/glnet"),
    imagenet=(RESNET50,),
    heavy=True,
    auxiliary="focal loss of the local and of the global branch, weight 1; likeness of their features, 0.15",
    sizes=SIZES,
    assumptions=(
        "as released: two whole copies of the net in memory, of whose second one 28.1 of 79.2 million parameters are"
        " used; local label map made and merged, too; no mean or standard deviation taken out of the image",
        *TRAINING_ASSUMPTIONS,
    ),
)
CARDS: tuple[Card, ...] = (
    _RELEASED,
    replace(
        _RELEASED,
        name="glnet-batched",
        variant="batched",
        parameters=107_265_756,
        inference=CustomInference(
            "as released, but: as many patches at a time as 256 MB of maps allow (4 GiB on a GPU), no unused half of"
            " the second copy, no local label map, merged on the device, linear layers worked out together"
        ),
        assumptions=(
            "the labels of the released inference; logits differ by rounding",
            "no layer after the trunks has an activation: ps3's convolution and the ensemble's are applied as one, and"
            " what layers make of the global branch's maps is worked out once an image and then enlarged, not once a"
            " patch after enlarging: a third of the release's FLOPs",
            *_RELEASED.assumptions[1:],
        ),
    ),
)


def build(card: Card, num_classes: int) -> System:
    """The system of one of ``CARDS``, with random weights."""
    from baselines.glnet.inference import BatchedGLNet, ReleasedGLNet

    return BatchedGLNet(card, num_classes) if card.variant == "batched" else ReleasedGLNet(card, num_classes)


def official_keys(card: Card) -> dict[str, Callable[[str], str | None]]:
    """Our names of the keys in the release's three files, by file, in the order of its training stages.

    The release fills its second copy from the first file, and its net from the second and then the third, which holds
    the whole net again.
    """

    def fixed(key: str) -> str | None:
        used = key.startswith(("resnet_global.", "fpn_global.")) and _own(key) == key
        return f"fixed.{_own(key)}" if used or card.variant != "batched" else None

    def net(key: str) -> str:
        return f"net.{_own(key)}"

    stages = {"global": fixed, "global2local": net, "local2global": net}
    return {f"fpn_deepglobe_{stage}.pth": keys for stage, keys in stages.items()}


def _own(key: str) -> str:
    """The release keeps both weight sets of its global pyramid in one module; the doubled one is apart here."""
    part, _, layer = key.partition(".")
    if part == "fpn_global" and ("_ext." in layer or layer.startswith("smooth.")):
        return f"fpn_global_ext.{layer.replace('_ext.', '.')}"
    return key
