"""GLNet (Chen et al., CVPR 2019): all patches of the image and the whole image, each helped by the other's features."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from benchmark.card import Card, CustomInference, Recipe
from benchmark.published import RESNET50
from benchmark.spec import KeyMap, SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

EPOCH = 454 / 6  # steps: training images over images per step
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
_TRAINING = (
    "a step trains the local branch and the ensemble on a sub-batch of 6 patches spread over its images, and counts"
    " their mean loss once per sub-batch of the image: the release goes through all patches and adds up the gradients"
    " of 36 such losses of 6 images, which one loss cannot do without holding them all in memory",
    "unknown (class 0 of DeepGlobe) is trained as a class and may be predicted, as released; only padding is ignored",
    "Inria: its settings are unpublished; the same sizes and steps, 121 patches of 508 that overlap by 50 or more",
)

RELEASED = Card(
    name="glnet",
    title="GLNet",
    group="UHR Methods",
    citation="Chen, Jiang, Wang, Cui, Qian. Collaborative Global-Local Networks for Memory-Efficient Segmentation of"
    " Ultra-High Resolution Images. CVPR 2019",
    source="github.com/VITA-Group/GLNet at 7b7bdee, mode 3",
    licence="MIT",
    fidelity="verified-port",
    configured_for=("deepglobe",),
    backbone="ResNet-50, twice",
    parameters=158_401_834,
    inference=CustomInference(
        "entire image at 508x508; patches of 508 that overlap by 50 or more, 6 at a time, with the entire image's"
        " features; the entire image again with theirs; ensemble; logits summed on the host in float64"
    ),
    recipes={"paper": RELEASE},
    rows=("table1/glnet", "table2/glnet"),
    imagenet=(RESNET50,),
    heavy=True,
    auxiliary="focal loss of the local and of the global branch, weight 1; likeness of their features, 0.15",
    sizes=SIZES,
    assumptions=(
        "as released: two full copies of the net in memory, although 28.1 of the second copy's 79.2 million parameters"
        " are used; the local label map is made and merged too; images are not normalised by a mean and deviation",
        *_TRAINING,
    ),
)
BATCHED = replace(
    RELEASED,
    name="glnet-batched",
    variant="batched",
    parameters=107_265_756,
    inference=CustomInference(
        "as released, but: as many patches at a time as 256 MiB of maps allow (4 GiB on a GPU), no unused half of the"
        " second copy, no local label map, merged on the device, consecutive linear layers computed as one"
    ),
    assumptions=(
        "the same labels as the released inference; logits differ by rounding",
        "no layer after the trunks has an activation, so ps3's convolution and the ensemble's are applied as one, and"
        " what layers make of the global branch's maps is computed once per image and then enlarged, not once per patch"
        " after enlarging: a third of the release's FLOPs",
        *_TRAINING,
    ),
)


def build_released(card: Card, num_classes: int) -> System:
    """GLNet with the release's inference and random weights."""
    from baselines.glnet.inference import ReleasedGLNet

    return ReleasedGLNet(card, num_classes)


def build_batched(card: Card, num_classes: int) -> System:
    """GLNet with our faster inference and random weights."""
    from baselines.glnet.inference import BatchedGLNet

    return BatchedGLNet(card, num_classes)


def _own(key: str) -> str:
    """The release keeps both weight sets of its global pyramid in one module; here the doubled one has its own."""
    part, _, layer = key.partition(".")
    if part == "fpn_global" and ("_ext." in layer or layer.startswith("smooth.")):
        return f"fpn_global_ext.{layer.replace('_ext.', '.')}"
    return key


def _net_key(key: str) -> str:
    return f"net.{_own(key)}"


def _fixed_key(key: str, *, unused_too: bool) -> str | None:
    """Our name of a key of the copy that the first stage leaves; only its global branch is used."""
    used = key.startswith(("resnet_global.", "fpn_global.")) and _own(key) == key
    return f"fixed.{_own(key)}" if used or unused_too else None


def _files(fixed_key: KeyMap) -> dict[str, KeyMap]:
    """The release's files of the first and the last stage: the second copy, and the entire net.

    The file of the stage between them, global2local, is overwritten by the last one's: inference never reads it.
    """
    stages = {"global": fixed_key, "local2global": _net_key}
    return {f"fpn_deepglobe_{stage}.pth": keys for stage, keys in stages.items()}


SYSTEMS = (
    SystemSpec(RELEASED, build_released, _files(partial(_fixed_key, unused_too=True))),
    SystemSpec(BATCHED, build_batched, _files(partial(_fixed_key, unused_too=False))),
)
