"""Learning rate, stages and optimiser of a recipe. All are functions of the iteration, without state to restore."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from benchmark.card import Recipe


def learning_rate(recipe: Recipe, iteration: int, iterations: int) -> float:
    """Poly decay to the recipe's minimum, or tenfold steps, with a linear warm-up, as in mmcv.

    ``min + (base - min) * (1 - iteration / iterations) ** power``, multiplied during the warm-up by a factor that rises
    linearly from ``warmup_ratio`` to 1. A run shorter than the recipe's has a warm-up shorter by the same ratio.
    """
    low, done = recipe.min_learning_rate, iteration / iterations
    rate: float = low + (recipe.learning_rate - low) * (1 - done) ** recipe.poly_power
    if recipe.steps:
        rate = recipe.learning_rate * 0.1 ** sum(done >= step for step in recipe.steps)
    warmup = round(recipe.warmup_iterations * min(1.0, iterations / recipe.iterations))
    if iteration < warmup:
        rate *= 1 - (1 - iteration / warmup) * (1 - recipe.warmup_ratio)
    return rate


def stage_ends(recipe: Recipe, stages: Sequence[str], iterations: int) -> list[int]:
    """The iteration at which each stage ends: stages get the recipe's shares, or equal ones if it names none.

    Every stage gets at least one iteration if there are enough.
    """
    lengths = [recipe.during(stage).iterations for stage in stages]
    ends: list[int] = []
    for index, reached in enumerate(itertools.accumulate(lengths), start=1):
        least, most = (ends[-1] if ends else 0) + 1, iterations - (len(stages) - index)
        ends.append(min(max(round(iterations * reached / sum(lengths)), least), most))
    return ends


def optimizer_of(
    recipe: Recipe, parameters: Iterable[tuple[str, nn.Parameter]], *, fused: bool = False
) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW over the named parameters that the current stage trains.

    ``fused`` makes one pass over the parameters instead of one for each operation, with other rounding.

    Parameters with the same multiplier of the learning rate and the same weight decay form a group, whose "multiplier"
    the training step reads.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            factors = [factor for part, factor in recipe.multipliers.items() if part in name]
            decay = 0.0 if any(part in name for part in recipe.no_decay) else recipe.weight_decay
            groups.setdefault((factors[0] if factors else 1.0, decay), []).append(parameter)
    options: list[dict[str, Any]] = [
        {"params": members, "weight_decay": decay, "multiplier": factor} for (factor, decay), members in groups.items()
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(options, lr=recipe.learning_rate, momentum=recipe.momentum, fused=fused)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(options, lr=recipe.learning_rate, fused=fused)
