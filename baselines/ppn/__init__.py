"""PPN (Wu et al., AAAI 2020), reconstructed: the entire image once, then the few patches that a head finds critical."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.glnet import EPOCH, RELEASE, SIZES
from benchmark.card import Card, CustomInference
from benchmark.published import RESNET50
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

STEPS = {"global": round(120 * EPOCH), "proposal": round(40 * EPOCH), "refinement": round(50 * EPOCH)}
RATES = {"global": 5e-5, "proposal": 5e-5, "refinement": 2e-5}

CARD = Card(
    name="ppn",
    title="PPN",
    group="UHR Methods",
    citation="Wu, Lei, Lin, Li, Qu, Xie. Patch Proposal Network for Fast Semantic Segmentation of High-Resolution"
    " Images. AAAI 2020",
    source="own code after public summaries of the paper; no reference implementation exists",
    licence="MIT",
    fidelity="reimplemented",
    backbone="ResNet-50, twice",
    parameters=56_456_975,
    inference=CustomInference(
        "entire image at 508x508; a head scores 36 patches of 508; the 9 best are refined and put over it"
    ),
    recipes={
        "paper": replace(
            RELEASE,
            source="the paper's is not public; GLNet's, with a stage for the proposal head",
            iterations=sum(STEPS.values()),
            stages={stage: {"iterations": STEPS[stage], "learning_rate": RATES[stage]} for stage in STEPS},
        )
    },
    rows=("table1/ppn",),
    imagenet=(RESNET50,),
    heavy=True,
    sizes=SIZES,
    remark="reconstructed, no reference implementation: the printed 71.90, 12.90 and 1193 are quoted from the PPN"
    " paper, not measured, and ours cannot be graded against them; every guess is among the assumptions",
    assumptions=(
        "backbone: ResNet-50 with GLNet's pyramid in the global and the refinement branch; the paper's is not known",
        "inputs: entire image at 508x508 and patches of 508 on GLNet's grid (36 on 2448x2448), normalised by ImageNet's"
        " mean and standard deviation",
        "proposal head: 3x3 convolution to 64 channels, ReLU and 1x1 convolution on the global features; a patch's"
        " score is the mean over its part of the map",
        "selection: the 9 highest scores in every image, a quarter of the patches; the number is fixed, so that the"
        " cost is one value, and cannot be set; the paper's rule and number are unknown, and 77 ms an image leave room"
        " for few; FLOPs grow by the same amount with each further patch",
        "a patch is critical where the global branch's share of wrong pixels is above the mean of the image's patches,"
        " counted at stride 4, with pixels without a label counted as right (DeepGlobe's unknown has one); the loss is"
        " binary cross-entropy",
        "fusion: 3x3 convolution on the features of both branches, like GLNet's ensemble; refined logits replace the"
        " global ones, are enlarged bilinearly, and are averaged where selected patches overlap",
        "training: stages global, proposal and refinement of 120, 40 and 50 epochs at 5e-5, 5e-5 and 2e-5, with focal"
        " loss of gamma 3 and GLNet's optimiser; a step refines 6 of the selected patches, spread over its images;"
        " ImageNet weights in both trunks",
    ),
)


def build(card: Card, num_classes: int) -> System:
    """PPN with random weights."""
    from baselines.ppn.system import PPN

    return PPN(card, num_classes)


SYSTEMS = (SystemSpec(CARD, build),)
