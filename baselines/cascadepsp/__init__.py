"""CascadePSP (Cheng et al. 2020): a class-agnostic refiner of masks, applied to every component of a label map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines import deeplabv3plus
from benchmark.card import Card, CustomInference

if TYPE_CHECKING:
    from benchmark.system import System

BASE = next(card for card in deeplabv3plus.CARDS if card.name == "deeplabv3plus-global")
PARAMETERS = 67_683_433

_CARD = Card(
    name="cascadepsp",
    title="CascadePSP",
    group="UHR Methods",
    citation="Cheng, Chung, Tai, Tang. CascadePSP: Toward Class-Agnostic and Very High-Resolution Segmentation via"
    " Global and Local Refinement. CVPR 2020",
    source="own code after github.com/hkchengrex/CascadePSP, eval.py --ade and eval_post_ade.py",
    licence="MIT",
    fidelity="verified-port",
    backbone="ResNet-50 at output stride 8 with six input channels, beside the base's",
    parameters=BASE.parameters + PARAMETERS,
    inference=CustomInference(
        "the base's labels split into components; each refined as a mask, made 900 long and then in crops of 900 of"
        " which those with less than 10 or more than 90 % foreground are skipped; the highest probability over 0.5 wins"
    ),
    recipes={
        "paper": BASE.recipes["paper"].then(
            "refinement",
            iterations=45_000,
            crop=(224, 224),
            resize=(1.0, 1.0),
            optimizer="adam",
            learning_rate=2.25e-4,
            weight_decay=1e-4,
            steps=(22_500 / 45_000, 37_500 / 45_000),
            rotate="none",
            photometric=False,
            max_class_share=1.0,
        )
    },
    rows=("table1/cascadepsp", "table2/cascadepsp"),
    imagenet=BASE.imagenet,
    base=BASE.name,
    heavy=True,
    auxiliary=BASE.auxiliary,
    sizes={"side": 900, "stride": 450, "margin": 16, "disc": 10, "least_side": 32, "most_kernel": 9},
    remark="the printed row does not say what it refines; ours refines DeepLabv3+ in global inference. It is"
    " timed with random weights, whose labels give many small masks and few crops: the notes count both",
    assumptions=(
        "as released: the disc that closes gaps has an even size, so a component loses its first row and column, and"
        " its box ends before the last ones; probabilities are cut to 8 bits; where one side of a mask is no multiple"
        " of 8, both are padded. No form mends this: it moves borders by a pixel",
        "base: ISDNet does not say whose masks were refined for its 68.50 and 69.40; DeepLabv3+ in global inference,"
        " whose own rows print 63.50 and 55.90; another one is 'cascadepsp(base=...)'",
        "components and their recombination as the authors do it for scene parsing (ADE20K); their hand list of"
        " background classes, weighed by 0.51, has no counterpart; of equal probabilities the class of the lower number"
        " wins, where the release takes the one whose file the folder lists first",
        "trained on the dataset's own masks, spoilt as the authors spoil theirs: they train on salient objects"
        " (MSRA-10K, DUTS, ECSSD, FSS-1000) and never on these datasets; batch of the base's recipe, theirs is 12",
        "without their colour jitter of up to 0.2 and random grey",
        "structuring elements as in the mended code; the published weights come from the code before",
        "cost depends on the base's labels: passes, masks and crops are on record beside it",
    ),
)
CARDS: tuple[Card, ...] = (
    _CARD,
    replace(
        _CARD,
        name="cascadepsp-batched",
        variant="batched",
        inference=CustomInference(
            "as released, but as many crops of a mask at a time as fit into 8 GiB; the same labels"
        ),
        assumptions=(*_CARD.assumptions, "the same passes as the release; no gain was measured"),
    ),
    replace(
        _CARD,
        name="cascadepsp-pip",
        variant="pip",
        fidelity="reimplemented",  # not compared with the package
        source="own code after github.com/hkchengrex/CascadePSP, segmentation-refinement (the pip package)",
        assumptions=(*_CARD.assumptions, "components shorter than 900 pixels are enlarged to that for the global step"),
    ),
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of one of ``CARDS`` on a base, with random weights."""
    from baselines.cascadepsp.system import CascadePSP

    return CascadePSP(card, num_classes, base)


def official_keys(card: Card) -> Callable[[str], str | None]:  # noqa: ARG001  # one net for both
    """Names in the published file -> ours; the base, which it lacks, comes from a file of its own."""
    return "net.{}".format
