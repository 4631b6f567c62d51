"""Learning rate, stages and optimiser of a recipe, as functions of the iteration: nothing to restore."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from benchmark.card import Recipe


def learning_rate(recipe: Recipe, iteration: int, iterations: int) -> float:
    """Poly decay to the recipe's minimum, under a linear warm-up (mmcv's rule).

    ``min + (base - min) * (1 - iteration / iterations) ** power``; during the warm-up times a factor that rises
    linearly from ``warmup_ratio`` to 1. A shorter run has a warm-up shorter by the same ratio.
    """
    low = recipe.min_learning_rate
    rate: float = low + (recipe.learning_rate - low) * (1 - iteration / iterations) ** recipe.poly_power
    warmup = round(recipe.warmup_iterations * min(1.0, iterations / recipe.iterations))
    if iteration < warmup:
        rate *= 1 - (1 - iteration / warmup) * (1 - recipe.warmup_ratio)
    return rate


def stage_ends(stages: Sequence[str], iterations: int) -> list[int]:
    """The iteration at which each stage ends: an even share each, the remainder to the first ones."""
    share, rest = divmod(iterations, len(stages))
    return [share * (index + 1) + min(index + 1, rest) for index in range(len(stages))]


def optimizer_of(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW over the parameters that the current stage trains."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(trained, lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
