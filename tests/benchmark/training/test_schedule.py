"""The schedule against mmcv's formulas worked out by hand."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmark.training.schedule import learning_rate, optimizer_of, stage_ends
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
    assert stage_ends(RECIPE, ["a"], 7) == [7]
    assert stage_ends(RECIPE, ["a", "b", "c"], 8) == [3, 5, 8]
    staged = dataclasses.replace(RECIPE, stages={"a": {"iterations": 300}, "b": {"iterations": 100}})
    assert stage_ends(staged, ["a", "b"], 8) == [6, 8]


def test_a_short_stage_has_an_iteration_in_a_short_run():
    staged = dataclasses.replace(
        RECIPE, stages={"a": {"iterations": 900}, "b": {"iterations": 1}, "c": {"iterations": 9}}
    )
    assert stage_ends(staged, ["a", "b", "c"], 3) == [1, 2, 3]
    assert stage_ends(staged, ["a", "b", "c"], 40) == [38, 39, 40]
    assert stage_ends(staged, ["a", "b", "c"], 2) == [0, 1, 2]


def test_the_optimiser_takes_the_recipe_and_leaves_frozen_parameters_out():
    net = torch.nn.Linear(3, 2)
    net.bias.requires_grad_(False)
    sgd = optimizer_of(RECIPE, net.named_parameters())
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["momentum"] == 0.9
    assert sgd.param_groups[0]["weight_decay"] == 5e-4
    assert sgd.param_groups[0]["params"] == [net.weight]
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        assert type(optimizer_of(dataclasses.replace(RECIPE, optimizer=name), net.named_parameters())) is kind


def test_steps_divide_the_rate_by_ten():
    recipe = dataclasses.replace(PLAIN, steps=(0.5, 0.8))
    assert [learning_rate(recipe, i, 10) for i in (0, 4, 5, 8)] == pytest.approx([0.01, 0.01, 1e-3, 1e-4])


def test_a_recipe_names_parts_of_the_net_with_another_rate_or_no_decay():
    net = torch.nn.ModuleDict({"head": torch.nn.Linear(3, 2), "norm": torch.nn.BatchNorm1d(2)})
    recipe = dataclasses.replace(RECIPE, multipliers={"head": 10.0}, no_decay=("norm",))
    groups = optimizer_of(recipe, net.named_parameters()).param_groups
    found = [(group["multiplier"], group["weight_decay"], group["params"]) for group in groups]
    assert found == [
        (10.0, RECIPE.weight_decay, [net["head"].weight, net["head"].bias]),
        (1.0, 0.0, [net["norm"].weight, net["norm"].bias]),
    ]
