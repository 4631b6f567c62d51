"""The schedule against mmcv's formulas worked out by hand."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmark.schedule import learning_rate, optimizer_of, stage_ends
from tests.benchmark.tiny import RECIPE

PLAIN = dataclasses.replace(RECIPE, learning_rate=0.01, min_learning_rate=1e-4, warmup_iterations=0, iterations=80_000)


def test_poly_runs_from_the_base_rate_to_the_minimum():
    assert learning_rate(PLAIN, 0, 80_000) == pytest.approx(0.01)
    assert learning_rate(PLAIN, 40_000, 80_000) == pytest.approx(1e-4 + 0.0099 * 0.5**0.9)
    assert learning_rate(PLAIN, 79_999, 80_000) == pytest.approx(1e-4, rel=0.01)
    rates = [learning_rate(PLAIN, i, 80_000) for i in range(0, 80_000, 1000)]
    assert rates == sorted(rates, reverse=True)


def test_warm_up_rises_linearly_from_its_ratio():
    recipe = dataclasses.replace(PLAIN, warmup_iterations=1000, warmup_ratio=0.1)
    for iteration, factor in ((0, 0.1), (500, 0.55), (1000, 1.0), (2000, 1.0)):
        expected = factor * learning_rate(PLAIN, iteration, 80_000)
        assert learning_rate(recipe, iteration, 80_000) == pytest.approx(expected)


def test_a_short_run_has_a_short_warm_up():
    recipe = dataclasses.replace(PLAIN, warmup_iterations=8000)
    assert learning_rate(recipe, 10, 100) == pytest.approx(learning_rate(PLAIN, 10, 100))
    assert learning_rate(recipe, 9, 100) < learning_rate(PLAIN, 9, 100)


def test_stages_share_the_iterations_and_lose_none():
    assert stage_ends(["a"], 7) == [7]
    assert stage_ends(["a", "b", "c"], 8) == [3, 6, 8]
    assert stage_ends(["a", "b", "c"], 2) == [1, 2, 2]


def test_the_optimiser_takes_the_recipe_and_leaves_frozen_parameters_out():
    net = torch.nn.Linear(3, 2)
    net.bias.requires_grad_(False)
    sgd = optimizer_of(RECIPE, net.parameters())
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["momentum"] == 0.9
    assert sgd.defaults["weight_decay"] == 5e-4
    assert sgd.param_groups[0]["params"] == [net.weight]
    assert isinstance(optimizer_of(dataclasses.replace(RECIPE, optimizer="adamw"), net.parameters()), torch.optim.AdamW)
