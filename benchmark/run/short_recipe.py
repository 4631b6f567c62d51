"""The recipe ``short``: one way to train every system on a small budget.

All systems share the optimiser, the schedule and the number of samples. From its own recipe a system keeps only what
belongs to its method: the size and scale of its crops, and how its stages share out the iterations. A dataset says
whether images may be rotated, whether colours may be distorted, which classes a crop must hold and how often it is
drawn for which class, for all alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmark.card import Recipe
from benchmark.data.base import TrainingHints

NAME = "short"
STRUCTURE = ("iterations", "crop", "resize")  # what a stage keeps of its own recipe


def short(own: Recipe, hints: TrainingHints, own_stages: tuple[str, ...] | None = None) -> Recipe:
    """The short recipe of a system.

    Args:
        own: the system's own recipe, as it is on the dataset.
        hints: of the dataset.
        own_stages: of a system that starts from the trained weights of another: it trains these stages only.
    """
    stages: dict[str, Mapping[str, Any]] = {
        stage: {name: value for name, value in settings.items() if name in STRUCTURE}
        for stage, settings in own.stages.items()
        if own_stages is None or stage in own_stages
    }
    iterations = sum(settings["iterations"] for settings in stages.values()) if stages else own.iterations
    return Recipe(
        source="short recipe, the same for all systems; crops and shares of the stages as in the system's own recipe",
        crop=own.crop,
        resize=own.resize,
        rotate=hints.rotate,
        iterations=iterations,  # the profile sets the number; these are shares
        batch=4,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.01,
        poly_power=0.9,
        warmup_iterations=iterations // 20,
        warmup_ratio=0.1,
        photometric=hints.photometric,
        crop_classes=hints.crop_classes,
        class_weights=hints.class_weights,
        max_class_share=1.0 if hints.crop_classes or hints.class_weights else 0.75,
        settle_batches=16,
        stages=stages,
    )


def within(recipe: Recipe, height: float, width: float) -> Recipe:
    """A recipe whose crops are no larger than the images, for a net would learn the padding as well.

    ``height`` and ``width`` are in pixels of the paper's image.
    """

    def smaller(crop: tuple[int, int], resize: tuple[float, float]) -> tuple[int, int]:
        return min(crop[0], round(height * resize[1])), min(crop[1], round(width * resize[1]))

    stages = {
        stage: {**settings, "crop": smaller(settings["crop"], settings.get("resize", recipe.resize))}
        if "crop" in settings
        else settings
        for stage, settings in recipe.stages.items()
    }
    return replace(recipe, stages=stages, crop=smaller(recipe.crop, recipe.resize))


def overridden(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """A recipe with settings changed for all stages, as ``--crop`` and ``--learning-rate`` ask."""
    stages = {
        stage: {**settings, **{name: value for name, value in changes.items() if name in settings}}
        for stage, settings in recipe.stages.items()
    }
    return replace(recipe, stages=stages, **changes)
