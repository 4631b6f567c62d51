"""DenseCRF (Krahenbuhl & Koltun 2011): a coarse map refined by a CRF over all pixels of the full-size image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines import hrnet_ocr
from benchmark.card import Card, CustomInference
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

BASE = hrnet_ocr.CARD
ITERATIONS = 10
SMOOTHNESS_WEIGHT = 3.0
APPEARANCE_WEIGHT = 4.0
APPEARANCE_LEVELS = 3.0
_WEIGHTS = (
    f"smoothness weight {SMOOTHNESS_WEIGHT:g}, appearance weight {APPEARANCE_WEIGHT:g}, colour deviation"
    f" {APPEARANCE_LEVELS:g} of 255"
)
_ASSUMPTIONS = (
    "parameters: neither MagNet nor ISDNet prints them; those of DeepLab's released VOC configuration, not tuned"
    " (DeepLab itself tuned them on about 100 images)",
    "on smaller images the appearance deviation shrinks with the image, the smoothness deviation stays 1 pixel",
    "the CRF sees the full-size image: one of the coarse map's size could add no detail",
)

LATTICE = Card(
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
    remark=hrnet_ocr.REFINED_HERE,
    assumptions=(
        *_ASSUMPTIONS,
        "FLOPs count the coarse system alone: mean field on the lattice is sums of rows and no matrix product",
    ),
)
EXACT = replace(
    LATTICE,
    name="densecrf-exact",
    title="DenseCRF (exact)",
    variant="exact",
    source="the paper's text without approximation: the Gaussian kernels summed pair by pair",
    fidelity="reimplemented",
    inference=CustomInference(
        f"mean field, {ITERATIONS} iterations, kernels summed over all pairs of pixels; {_WEIGHTS}"
    ),
    rows=(),  # the paper's row uses the lattice
    remark="no row of the paper: it shows what the lattice's approximation does to 'densecrf'",
    assumptions=(*_ASSUMPTIONS, "FLOPs include the products over pairs, up to the square of the number of pixels"),
)
CPP = replace(
    LATTICE,
    name="densecrf-cpp",
    title="DenseCRF (C++)",
    variant="pydensecrf2",
    source="pydensecrf2 1.1: the authors' C++ code, on one CPU core whatever the device",
    licence="MIT",
    extra="crf",
)


def build(card: Card, num_classes: int, base: System) -> System:
    """The system of the card on its base.

    Raises:
        ModuleNotFoundError: the card asks for the C++ engine, which is not installed.
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


SYSTEMS = tuple(SystemSpec(card, build) for card in (LATTICE, EXACT, CPP))
