"""FCtL (Li et al. 2021): FCN-8s on patches that attend to their contexts; the published nets of DeepGlobe and Inria."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from benchmark.card import Card, CustomInference, Recipe
from benchmark.published import VGG16
from benchmark.spec import KeyMap, SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

LATE = 5e-5 * 0.5**0.9  # the Inria stages run from epoch 50 to 100 of a polynomial schedule of 100 epochs


def _recipe(order: tuple[str, ...], epoch: float, learning_rate: float, side: int) -> Recipe:
    """Every stage has as many steps as in the release: 50 epochs of ``epoch`` steps."""
    steps = round(50 * epoch)
    return Recipe(
        source="liqiokkk/FCtL, option.py, helper.py and train_*.sh, which the ICCV 2021 paper (section 4.2) describes",
        crop=(side, side),
        iterations=steps * len(order),
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
        stages={stage: {"iterations": steps} for stage in order},
    )


_ASSUMPTIONS = (
    "one view of each image, as in the release's validation: its test averages eight (two flips by four rotations),"
    " which costs 202 TFLOP an image on DeepGlobe and 970 on Inria, far more than the printed FPS allow",
    "VGG-16's three unused fully connected layers are dropped in every encoder: the release registers them and moves"
    " them to the GPU, but never calls them",
    "a training step takes four patches of each image (six in stage local), at the same places in all, and counts their"
    " mean loss once per sub-batch of an image: the release goes through all 36 or 121 patches and adds up the"
    " gradients; the number of steps is the same",
    "on images smaller than the paper's the padding of 100 pixels shrinks with the patch, and the 7x7 layer pads what"
    " it then lacks, by up to two cells",
    "pixels without a label are ignored in the loss: the release has none; DeepGlobe's unknown is a class like others",
    "no 'contextual semantics refinement network': the abstract names it, neither branch of the release has it",
)
_INFERENCE = (
    "patches of 508 that overlap by 50 or more, each with three contexts, {batch} at a time; their logits are summed on"
    " the host in float64"
)
DEEPGLOBE = Card(
    name="fctl",
    title="FCtL",
    group="UHR Methods",
    citation="Li, Yang, Liu, Yu, He. From Contexts to Locality: Ultra-high Resolution Image Segmentation via"
    " Locality-aware Contextual Correlation. ICCV 2021",
    source="own code after github.com/liqiokkk/FCtL, branch Deepglobe (mode 4)",
    licence="MIT",
    fidelity="verified-port",
    configured_for=("deepglobe",),
    backbone="VGG-16, three encoders",
    parameters=170_037_240,
    inference=CustomInference(_INFERENCE.format(batch=8)),
    recipes={"paper": _recipe(("global", "local", "medium", "all"), 454 / 6, 5e-5, 2448)},
    rows=("table1/fctl",),
    imagenet=(VGG16,),
    heavy=True,
    assumptions=(
        *_ASSUMPTIONS,
        "the global encoder is trained first, not third: it depends on no other stage; two stages of the release crash"
        " on undefined names and are repaired here",
    ),
    sizes={"patch": 508, "overlap": 50, "padding": 100},
)
BATCHED = replace(
    DEEPGLOBE,
    name="fctl-batched",
    variant="batched",
    inference=CustomInference(
        "as released, but the trunks take as many of the 8 patches at a time as 256 MiB of maps allow (4 GiB on a GPU),"
        " and run only where the patch is seen, in a frame of a black patch's maps"
    ),
    assumptions=(
        *DEEPGLOBE.assumptions,
        "the same labels as the released inference; logits differ by rounding",
        "the trunks pad a patch of 508 by 100 pixels to each side: the maps there, which no pixel of the patch reaches,"
        " are computed once for an image, of a black patch",
    ),
)
INRIA = replace(
    DEEPGLOBE,
    name="fctl-inria",
    configured_for=("inria",),
    source="own code after github.com/liqiokkk/FCtL, branch main (mode 3)",
    inference=CustomInference(_INFERENCE.format(batch=16)),
    recipes={"paper": _recipe(("local", "thrice", "twice", "all"), 126 / 6, LATE, 5000)},
    rows=("table2/fctl",),
    assumptions=(
        *_ASSUMPTIONS,
        "a different net from DeepGlobe's, as published: other contexts, and queries and keys keep their means",
    ),
)


def build_deepglobe(card: Card, num_classes: int) -> System:
    """The net of branch Deepglobe, with random weights."""
    from baselines.fctl.forms import FCtLDeepGlobe

    return FCtLDeepGlobe(card, num_classes)


def build_batched(card: Card, num_classes: int) -> System:
    """The net of branch Deepglobe with our faster inference, with random weights."""
    from baselines.fctl.forms import BatchedFCtL

    return BatchedFCtL(card, num_classes)


def build_inria(card: Card, num_classes: int) -> System:
    """The net of branch main, with random weights."""
    from baselines.fctl.forms import FCtLInria

    return FCtLInria(card, num_classes)


_POOLS = {"3": 0, "4": 17, "5": 24}  # where these blocks begin in the trunk
_GATES = {"in": "enter", "out": "leave"}
_ORDER = {"local": 0, "medium": 1, "large": 2, "big_attention": 0, "_1": 1, "_2": 2}
_KEPT = ("adj_pool3", "adj_pool4", "output", "up_output", "up_pool4_out", "up_final")


def _trunk_key(pool: str, home: str, key: str) -> str | None:
    found = re.fullmatch(rf"{pool}([345])\.(\d+)\.(weight|bias)", key)
    return f"{home}.{_POOLS[found[1]] + int(found[2])}.{found[3]}" if found else None


def _net_key(key: str) -> str | None:
    """The two branches name their attentions differently, and only one of them puts the gates beside these."""
    if key.partition(".")[0] in _KEPT:
        return f"net.{key}"
    gate = re.fullmatch(r"(?:big_attention\.)?(in|out)_([123])\.(weight|bias)", key)
    if gate:
        return f"fusion.{_GATES[gate[1]]}.{int(gate[2]) - 1}.{gate[3]}"
    mix = re.fullmatch(r"(?:big_attention\.)?trans\.(weight|bias)", key)
    if mix:
        return f"fusion.mix.{mix[1]}"
    attention = re.fullmatch(
        r"(local|medium|large|big_attention)\.(?:conv_)?([a-z]+)(_[12])?((?:\.weight|\.bias)?)", key
    )
    if attention:
        return f"fusion.attentions.{_ORDER[attention[3] or attention[1]]}.{attention[2]}{attention[4]}"
    return _trunk_key("pool", "net.features", key)


# Each net is published in three files, in which every tensor stands under several names.
_DEEPGLOBE_FILES: dict[str, KeyMap] = {
    "all.epoch.pth": _net_key,
    "medium.epoch.pth": partial(_trunk_key, "big_pool", "encoders.medium"),
    "global.epoch.pth": partial(_trunk_key, "pool", "encoders.large"),
}
_INRIA_FILES: dict[str, KeyMap] = {
    "all.epoch.pth": _net_key,
    "B10.epoch.pth": partial(_trunk_key, "big_pool", "encoders.twice"),
    "B15.epoch.pth": partial(_trunk_key, "big_pool", "encoders.thrice"),
}

SYSTEMS = (
    SystemSpec(DEEPGLOBE, build_deepglobe, _DEEPGLOBE_FILES),
    SystemSpec(BATCHED, build_batched, _DEEPGLOBE_FILES),
    SystemSpec(INRIA, build_inria, _INRIA_FILES),
)
