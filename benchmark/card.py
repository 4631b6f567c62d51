"""The metadata card of a system: everything about it that can be said without importing torch.

Sizes on a card are in pixels of the paper's image. :meth:`Card.at` scales them to the image that a profile uses, so
that 36 patches stay 36 patches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, get_type_hints

Fidelity = Literal["verified-port", "library", "reimplemented", "reference"]  # the last: no method


@dataclass(frozen=True)
class WholeImage:
    """The image goes through the net in one pass at its own size."""


@dataclass(frozen=True)
class Downsampled:
    """The sides of the image are multiplied by ``scale``, and the logits are enlarged again ("global inference")."""

    scale: float


@dataclass(frozen=True)
class SlidingWindow:
    """Overlapping square patches, ``batch`` at a time; logits are averaged where they overlap ("local inference")."""

    patch: int
    overlap: int
    batch: int = 1


@dataclass(frozen=True)
class CustomInference:
    """The system overrides ``predict`` or ``logits`` with a procedure of its own, described here for readers."""

    KEY_FIELDS: ClassVar[tuple[str, ...]] = ()  # the description is words

    description: str


Inference = WholeImage | Downsampled | SlidingWindow | CustomInference

# Names of version 0.1: packages written against it still import them.
Whole, Sliding, Own = WholeImage, SlidingWindow, CustomInference


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a system is trained. ``crop`` is (height, width) in pixels of the paper's image, after ``resize``."""

    KEY_FIELDS: ClassVar[tuple[str, ...]] = (  # what a result depends on: all fields but `source`
        *("crop", "iterations", "batch", "resize", "optimizer", "learning_rate", "min_learning_rate", "momentum"),
        *("weight_decay", "poly_power", "steps", "multipliers", "no_decay", "warmup_iterations", "warmup_ratio"),
        *("rotate", "photometric", "max_class_share", "crop_classes", "class_weights", "settle_batches", "datasets"),
        "stages",
    )

    source: str
    crop: tuple[int, int]
    iterations: int
    batch: int = 8
    resize: tuple[float, float] = (1.0, 1.0)  # the scale is drawn uniformly from this range
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = 1e-3
    min_learning_rate: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    poly_power: float = 0.9
    steps: tuple[float, ...] = ()  # shares of the schedule after each of which the rate falls tenfold, instead of poly
    multipliers: Mapping[str, float] = field(default_factory=dict)  # of the rate, by part of a parameter's name
    no_decay: tuple[str, ...] = ()  # parts of the names of parameters without weight decay
    warmup_iterations: int = 0
    warmup_ratio: float = 0.1
    rotate: Literal["none", "right-angles", "continuous"] = "right-angles"
    photometric: bool = True
    max_class_share: float = 0.75  # a crop filled more than this by one class is drawn again, ten times at most
    crop_classes: tuple[int, ...] = ()  # a crop with none of these classes is drawn again, ten times at most
    class_weights: tuple[float, ...] = ()  # how often a crop is drawn for each class, until it holds the class
    settle_batches: int = 0  # of which batch norm takes its statistics at the end of a stage; 0: its running averages
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # what differs on a named dataset
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the same for a training stage, with its
    # own `iterations`, which add up to the recipe's

    def on(self, dataset: str) -> Recipe:
        """The recipe as it is on one dataset.

        Args:
            dataset: name of the dataset. One that ``datasets`` does not list gets the recipe's general settings.

        Returns:
            A recipe without ``datasets``. Stages that differ on the dataset replace the general ones.
        """
        return replace(self, datasets={}, **self.datasets.get(dataset, {}))

    def during(self, stage: str) -> Recipe:
        """The recipe as it is in one training stage.

        Args:
            stage: name of the stage, one of ``System.stages``. One that ``stages`` does not list gets the recipe's
                general settings.

        Returns:
            A recipe without ``stages``, whose ``iterations`` are those of the stage.
        """
        return replace(self, stages={}, **self.stages.get(stage, {}))

    def then(self, stage: str, *, iterations: int, **settings: Any) -> Recipe:
        """This recipe and after it one more stage, with ``settings`` of its own: how a refiner on a base is trained."""

        def longer(recipe: Recipe) -> dict[str, Any]:
            before = recipe.stages or {"main": {"iterations": recipe.iterations}}
            stages = {**before, stage: {"iterations": iterations, **settings}}
            return {"iterations": recipe.iterations + iterations, "stages": stages}

        datasets = {name: {**differing, **longer(self.on(name))} for name, differing in self.datasets.items()}
        return replace(self, datasets=datasets, **longer(self))


@dataclass(frozen=True)
class ImageNetWeights:
    """A published ImageNet file. ``sha256`` may be a prefix, as such files carry in their names."""

    KEY_FIELDS: ClassVar[tuple[str, ...]] = ("file", "sha256")

    file: str
    urls: tuple[str, ...]
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One named system: what it is, where it comes from, how it infers and trains, which printed rows it feeds."""

    # What a result depends on; the rest is words, and of its recipe each cell has the fingerprint.
    KEY_FIELDS: ClassVar[tuple[str, ...]] = (
        *("name", "parameters", "inference", "variant", "size_multiple", "imagenet", "base", "heavy", "sizes", "ratio"),
    )

    name: str  # as on the command line: "unet-local"
    title: str  # as printed in the paper: "UNet"
    group: str  # "Local Inference", "Global Inference", "Generic Methods", "UHR Methods", "Ablation"
    citation: str
    source: str  # library and config, or repository
    licence: str
    fidelity: Fidelity
    backbone: str
    parameters: int  # inference form, seven classes; a test builds the net and counts
    inference: Inference
    recipes: Mapping[str, Recipe]  # "paper" first; "released-code" or "library" where they differ
    configured_for: tuple[str, ...] = ()  # of a verified port: datasets for which its authors released a configuration
    rows: tuple[str, ...] = ()  # rows of the paper it feeds: "table1/unet-local"
    variant: str = ""  # how it differs from the card that comes first for its rows
    size_multiple: int = 1  # inputs are padded to it and the logits cropped back
    imagenet: tuple[ImageNetWeights, ...] = ()  # a file for each backbone; `load_imagenet` is called with each
    base: str = ""  # the coarse system that a refiner starts from: the third argument of its builder
    extra: str = ""  # the optional dependency group without which its builder raises ModuleNotFoundError
    heavy: bool = False  # too slow for a smoke run's minutes: a profile may give it fewer iterations
    auxiliary: str = "none"  # losses beside the main one, and their weights
    remark: str = ""  # shown beside its row: how the printed value was made, how far ours can match it
    assumptions: tuple[str, ...] = ()  # what the paper leaves open, what we chose, why
    sizes: Mapping[str, int] = field(default_factory=dict)  # further pixel-sized settings, by name
    ratio: float = 1.0  # image side over the paper's image side, set by `at`
    choices: InitVar[tuple[str, ...]] = ()  # what version 0.1 called assumptions: packages written against it pass it

    def __post_init__(self, choices: tuple[str, ...]) -> None:
        object.__setattr__(self, "assumptions", (*self.assumptions, *choices))

    @property
    def is_reference(self) -> bool:
        """Whether it is no method but shows what a score means: without rank and cost, in every accuracy table."""
        return self.fidelity == "reference"

    def at(self, ratio: float) -> Card:
        """The card for images whose sides are ``ratio`` times the paper's: every pixel-sized setting scales."""
        inference = self.inference
        if isinstance(inference, SlidingWindow):
            inference = replace(
                inference, patch=_scaled(inference.patch, ratio), overlap=round(inference.overlap * ratio)
            )
        sizes = {name: _scaled(pixels, ratio) for name, pixels in self.sizes.items()}
        return replace(self, inference=inference, sizes=sizes, ratio=self.ratio * ratio)


def faults(card: Card) -> list[str]:
    """What of a card or its recipes has another type, or is another word, than the fields above allow."""
    if not card.recipes and not card.is_reference:
        return ["recipes={}: at least one is needed"]
    found = _wrong_fields(card, "")
    for name, recipe in card.recipes.items() if isinstance(card.recipes, Mapping) else ():
        found += _wrong_fields(recipe, f"recipe '{name}': ")
    return found


def _wrong_fields(described: object, where: str) -> list[str]:
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(described, Card | Recipe):
        return [f"{where}is no Recipe(...)"]
    found, hints = [], get_type_hints(type(described))
    for one in fields(described):
        value = getattr(described, one.name)
        try:
            TypeAdapter(hints[one.name]).validate_python(value, strict=True)
        except ValidationError:
            known = re.sub(
                r"<class '(\w+)'>|typing\.|collections\.abc\.|benchmark\.card\.", r"\1", str(hints[one.name])
            )
            found.append(f"{where}{one.name}={value!r}: must be {known}")
    return found


def reduced_size(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    """(height, width) at a ratio, one pixel at least."""
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _scaled(pixels: int, ratio: float) -> int:
    return max(1, round(pixels * ratio))
