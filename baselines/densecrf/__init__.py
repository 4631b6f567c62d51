"""DenseCRF (Krahenbuhl & Koltun 2011): a coarse map refined by a CRF over all pixels of the full-size image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines import hrnet_ocr
from benchmark.card import Card, CustomInference

if TYPE_CHECKING:
    from benchmark.system import System

BASE = hrnet_ocr.CARDS[0]
ITERATIONS = 10
SMOOTHNESS_WEIGHT = 3.0
APPEARANCE_WEIGHT = 4.0
APPEARANCE_LEVELS = 3.0
_WEIGHTS = (
    f"smoothness weight {SMOOTHNESS_WEIGHT:g}, appearance weight {APPEARANCE_WEIGHT:g}, colour deviation"
    f" {APPEARANCE_LEVELS:g} of 255"
)

CARD = Card(
    name="densecrf",
    title="DenseCRF",
    group="UHR Methods",
    citation="Krahenbuhl, Koltun. Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials. NIPS 2011",
    source="the paper's text; filtering as in Adams, Baek, Davis. Permutohedral Lattice. Eurographics 2010",
    licence="MIT (ours)",
    fidelity="verified-port",
    backbone=BASE.backbone,
    parameters=BASE.parameters,
    inference=CustomInference(f"mean field, {ITERATIONS} iterations on the lattice; {_WEIGHTS}"),
    recipes=BASE.recipes,
    rows=("table3/densecrf",),
    imagenet=BASE.imagenet,
    base=BASE.name,
    auxiliary=BASE.auxiliary,
    sizes={"smoothness_pixels": 1, "appearance_pixels": 67},
    remark="the base sees 256x128, here and in the printed row (an author's answer in MagNet's issue 14); rows of the"
    " table's other groups see 1024x2048",
    assumptions=(
        "neither MagNet nor ISDNet prints the parameters: those of DeepLab's released VOC configuration, untuned;"
        " DeepLab itself tuned them on about 100 images",
        "on smaller images the deviation of the appearance shrinks with them, that of the smoothness stays 1 pixel",
        "the guide is the full-size image: from a guide of the base's size no detail could come",
        "FLOPs count the base alone: the mean field is sums of rows and no matrix product",
    ),
)
CARDS: tuple[Card, ...] = (
    CARD,
    replace(
        CARD,
        name="densecrf-exact",
        title="DenseCRF (exact)",
        variant="exact",
        source="the paper's text, with no approximation: the Gaussian kernels summed up pair by pair",
        fidelity="reimplemented",
        inference=CustomInference(
            f"mean field, {ITERATIONS} iterations, kernels summed over all pairs of pixels; {_WEIGHTS}"
        ),
        rows=(),  # the paper's row is of the lattice
        remark="no row of the paper's: what the lattice's approximation does to 'densecrf'",
        assumptions=(*CARD.assumptions[:-1], "FLOPs count the pairs' products too, up to the square of the pixels"),
    ),
    replace(
        CARD,
        name="densecrf-cpp",
        title="DenseCRF (C++)",
        variant="pydensecrf2",
        source="pydensecrf2 1.1: the authors' C++ code, on one CPU core whatever the device",
        licence="MIT",
        extra="crf",
    ),
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of the card on its base.

    Raises:
        ModuleNotFoundError: the C++ engine is asked for and not installed.
    """
    from baselines.densecrf.meanfield import DenseCRF, ExactDenseCRF, Potentials, PyDenseCRF

    potentials = Potentials(
        smoothness_pixels=card.sizes["smoothness_pixels"],
        smoothness_weight=SMOOTHNESS_WEIGHT,
        appearance_pixels=card.sizes["appearance_pixels"],
        appearance_levels=APPEARANCE_LEVELS,
        appearance_weight=APPEARANCE_WEIGHT,
    )
    engines = {"": DenseCRF, "exact": ExactDenseCRF, "pydensecrf2": PyDenseCRF}
    return engines[card.variant](card, num_classes, base, potentials, ITERATIONS)
