"""ISDNet and its variants in Tables 4 to 7, as systems. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from benchmark.card import Card, Downsampled, Recipe, WholeImage
from benchmark.published import MIT_B0, RESNET18_V1C, RESNET50_V1C, STDC1
from benchmark.spec import SystemSpec
from isdnet.variants import VARIANTS, Variant

if TYPE_CHECKING:
    from benchmark.system import System

CITATION = (
    "Guo et al. ISDNet: Integrating Shallow and Deep Networks for Efficient Ultra-high Resolution Segmentation."
    " CVPR 2022"
)
CITYSCAPES = {"crop": (512, 1024), "resize": (0.5, 2.0), "rotate": "none"}

PAPER = Recipe(
    source="paper, section 4.2; it prints no crop sizes: half the image's side, as in the released DeepGlobe"
    " configuration",
    crop=(1224, 1224),
    iterations=80_000,
    datasets={
        "inria": {"crop": (2500, 2500), "iterations": 40_000},
        "cityscapes": {**CITYSCAPES, "iterations": 160_000},
    },
)
RELEASED_CODE = Recipe(
    source="configs/isdnet/*.py, configs/_base_/{datasets,schedules}/*.py of the official repository",
    crop=(1224, 1224),
    iterations=80_000,
    learning_rate=0.01,
    min_learning_rate=1e-4,
    rotate="continuous",
    datasets={
        "inria": {"crop": (2000, 2000), "resize": (0.8, 0.8), "iterations": 40_000, "batch": 4},
        "cityscapes": {**CITYSCAPES, "iterations": 80_000},
    },
)
SEGFORMER_RELEASED = replace(
    RELEASED_CODE,
    source="configs/segformer/segformer_mit-b0_512x1024_cityscapes_160k_refine.py of the official repository",
    datasets={
        **RELEASED_CODE.datasets,
        "cityscapes": {
            **CITYSCAPES,
            "resize": (0.25, 1.0),  # ratio 0.5 to 2 of images read at 512x1024
            "iterations": 160_000,
            "optimizer": "adamw",
            "learning_rate": 6e-5,
            "min_learning_rate": 0.0,
            "weight_decay": 0.01,
            "poly_power": 1.0,
            "warmup_iterations": 1500,
            "warmup_ratio": 1e-6,
        },
    },
)

_HEADS = "cross-entropy of the deep head 1, of both RAFs' deep side 1"
_SR = "super-resolution 0.1"
_SD = "structure distillation 1"

_REPOSITORY = "github.com/cedricgsh/ISDNet at 7341335"
_ISDNET = Card(
    name="isdnet",
    title="ISDNet",
    group="UHR Methods",
    citation=CITATION,
    source=f"{_REPOSITORY}, configs/isdnet/isdnet_r18-d8_1224x1224_80k_DeepGlobe.py",
    licence="Apache-2.0",
    fidelity="verified-port",
    configured_for=("deepglobe", "inria"),
    backbone="ResNet18-V1c-d8 + STDC1",
    parameters=17_224_107,
    inference=WholeImage(),
    recipes={"paper": PAPER, "released-code": RELEASED_CODE},
    rows=("table1/isdnet", "table2/isdnet", "table3/isdnet", "table6/add-cw-ms-md", "table7/sr-sd-h"),
    imagenet=(RESNET18_V1C, STDC1),
    auxiliary=f"{_HEADS}, of stage 3 0.4; {_SR}; {_SD}",
    assumptions=(
        "net and losses follow the released code where it differs from the text: 'isdnet-paper' follows the text",
    ),
)

_BASELINE = f"{_HEADS}, of stage 3 0.4"
_NO_CODE = "no code was released for this row"
_SAME_SKELETON = f"{_NO_CODE}: the released net, with only the change that the row names"
_RGB = "RGB input: the first convolution has three channels instead of six"
_SHALLOW = (
    f"{_NO_CODE}: STDC1's four stages, their 1/16 map added to the 1/8 map, and the standard head; the full-scale row"
    " prints the mIoU of STDC in Table 1, so the authors may have run the complete STDC net here"
)


def _ablation(name: str, title: str, parameters: int, row: str, *assumptions: str, **changes: object) -> Card:
    """The card of another form of ISDNet, such as a row of Tables 4 to 7, for which no code was released."""
    other = replace(_ISDNET, name=name, title=title, group="Ablation", fidelity="reimplemented", configured_for=())
    card = replace(other, parameters=parameters, rows=(row,) if row else ())
    source = f"own change of {_REPOSITORY}, which has no configuration of it"
    given: Mapping[str, object] = {"assumptions": assumptions, "source": source, **changes}
    return replace(card, **given)  # type: ignore[arg-type]


def _reduced(full: Card, divisor: int, name: str, title: str, row: str = "") -> Card:
    """The card of a branch on the image at 1/2 or 1/4; its training crops show the same part of the scene."""
    recipes = {key: _reduced_recipe(recipe, divisor) for key, recipe in full.recipes.items()}
    rows = (row,) if row else ()
    return replace(full, name=name, title=title, rows=rows, inference=Downsampled(1 / divisor), recipes=recipes)


def _reduced_recipe(recipe: Recipe, divisor: int) -> Recipe:
    def reduced(given: Recipe) -> dict[str, tuple[float, float]]:
        (height, width), (low, high) = given.crop, given.resize
        return {"crop": (height // divisor, width // divisor), "resize": (low / divisor, high / divisor)}

    datasets = {name: {**changes, **reduced(recipe.on(name))} for name, changes in recipe.datasets.items()}
    return replace(recipe, **reduced(recipe), datasets=datasets)  # type: ignore[arg-type]


_R50_CONFIG = "configs/deeplabv3/deeplabv3_r50-d8_1224x1224_80k_deepglobe_refine_*.py"
_R50 = f"ASPP 512 wide, reduced to 128, as in {_R50_CONFIG}"
_D_FULL = _ablation(
    "isdnet-deep-full",
    "D, full scale",
    13_836_007,
    "table5/d-full",
    _NO_CODE,
    imagenet=(RESNET18_V1C,),
    backbone="ResNet18-V1c-d8",
    auxiliary="cross-entropy of stage 3 0.4",
)
_D50_FULL = _ablation(
    "isdnet-r50-deep-full",
    "D (ResNet50), full scale",
    65_742_183,
    "",
    _R50,
    imagenet=(RESNET50_V1C,),
    backbone="ResNet50-V1c-d8",
    auxiliary="cross-entropy of stage 3 0.4",
)
_S_FULL = _ablation(
    "isdnet-shallow-full",
    "S, full scale",
    2_680_807,
    "table5/s-full",
    _SHALLOW,
    backbone="STDC1",
    imagenet=(STDC1,),
    auxiliary="none",
)
_PSP = "the head is in no released file: a PSP head 128 wide, whose map before the classifier goes to the fusion"
_NO_HEAD = f"own change of {_REPOSITORY}, which names the head in a configuration and has no code of it"
_SEGFORMER = "the head is in no released file: a SegFormer head 128 wide, whose map (1/16) goes to the fusion"

_CARDS = (
    _ISDNET,
    _ablation(
        "isdnet-paper",
        "ISDNet (text)",
        16_468_395,
        "",
        "net and losses follow the text wherever it differs from the released code",
        source=f"the paper's text; {_REPOSITORY} where the text says nothing",
        auxiliary=f"cross-entropy of the deep head 1; {_SR}; {_SD}",
    ),
    _ablation(
        "isdnet-r50",
        "ISDNet (ResNet50)",
        69_193_387,
        "",
        _R50,
        source=f"{_REPOSITORY}, {_R50_CONFIG}",
        backbone="ResNet50-V1c-d8 + STDC1",
        imagenet=(RESNET50_V1C, STDC1),
    ),
    _ablation("isdnet-pspnet", "PSPNet + ISD", 16_027_819, "table4/pspnet-isd", _PSP, source=_NO_HEAD),
    _ablation(
        "isdnet-segformer",
        "SegFormer-b0 + ISD",
        6_840_747,
        "table4/segformer-b0-isd",
        _SEGFORMER,
        "super-resolution decoder x8 instead of x16, so that it also ends at half the image's size",
        source=_NO_HEAD,
        backbone="MiT-b0 + STDC1",
        imagenet=(MIT_B0, STDC1),
        auxiliary=f"{_HEADS}; {_SR}; {_SD}",
        recipes={"paper": PAPER, "released-code": SEGFORMER_RELEASED},
    ),
    _reduced(_D_FULL, 4, "isdnet-deep-quarter", "D, 1/4 scale", "table5/d-quarter"),
    _reduced(_D_FULL, 2, "isdnet-deep-half", "D, 1/2 scale"),
    _D_FULL,
    _reduced(_D50_FULL, 4, "isdnet-r50-deep-quarter", "D (ResNet50), 1/4 scale"),
    _reduced(_D50_FULL, 2, "isdnet-r50-deep-half", "D (ResNet50), 1/2 scale"),
    _D50_FULL,
    _reduced(_S_FULL, 4, "isdnet-shallow-quarter", "S, 1/4 scale", "table5/s-quarter"),
    _S_FULL,
    _ablation("isdnet-baseline", "D + S", 16_959_047, "table5/d-s", _SAME_SKELETON, _RGB, auxiliary=_BASELINE),
    _ablation("isdnet-add", "ADD", 16_959_911, "table6/add", _SAME_SKELETON),
    _ablation("isdnet-add-cw", "ADD + CW (ARM)", 17_026_471, "table6/add-cw", _SAME_SKELETON),
    _ablation(
        "isdnet-concat",
        "CAT",
        16_959_399,
        "table6/concat",
        f"{_NO_CODE}: both sides to 128 channels, concatenated, 3x3 to 128",
    ),
    _ablation(
        "isdnet-concat-cw",
        "CAT + CW (FFM)",
        17_025_703,
        "table6/concat-cw",
        f"{_NO_CODE}: CAT, then the attention of BiSeNet's FFM",
    ),
    _ablation("isdnet-ms", "ADD + CW + M_s", 17_125_289, "table6/add-cw-ms", _SAME_SKELETON),
    _ablation("isdnet-rgb", "Baseline", 17_223_243, "table7/base", _SAME_SKELETON, _RGB, auxiliary=_BASELINE),
    _ablation(
        "isdnet-rgb-sr",
        "Baseline + SR",
        17_223_243,
        "table7/sr",
        _SAME_SKELETON,
        _RGB,
        auxiliary=f"{_BASELINE}; {_SR}",
    ),
    _ablation("isdnet-rgb-sr-sd", "Baseline + SR + SD", 17_223_243, "table7/sr-sd", _SAME_SKELETON, _RGB),
)


def build(card: Card, num_classes: int, *, variant: Variant) -> System:
    """The net of a variant, with random weights."""
    from isdnet.model import ISDNet
    from isdnet.single_branch import DeepAlone, ShallowAlone

    kinds: dict[str, Callable[..., System]] = {"both": ISDNet, "deep": DeepAlone, "shallow": ShallowAlone}
    return kinds[variant.branches](card, num_classes, variant)


def published_key(key: str) -> str | None:
    """Our name of a key in the official checkpoint; None for a second name of the same tensor.

    Imports torch, which the cards do not: it is called for weights only.
    """
    from isdnet.official_weights import official_key

    return official_key(key)


SYSTEMS = tuple(SystemSpec(card, partial(build, variant=VARIANTS[card.name]), published_key) for card in _CARDS)
