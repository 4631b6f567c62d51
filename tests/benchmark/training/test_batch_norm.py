"""Batch norm's statistics after `settle`: the mean over the given batches, whatever they were before."""

import torch

from benchmark.training.batch_norm import settle
from tests.benchmark.tiny import tiny_system


def batches(count=3):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(2, 3, 16, 16, generator=generator), torch.ones(2, 16, 16, dtype=torch.long)) for _ in range(count)
    ]


def test_the_statistics_are_the_mean_over_the_batches_and_no_weight_changes():
    system = tiny_system().train()
    layer, seen = system.body[1], []
    layer.running_mean.fill_(100.0)
    weights = {name: parameter.clone() for name, parameter in system.named_parameters()}
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((0, 2, 3))))
    settle(system, batches())
    hook.remove()
    torch.testing.assert_close(layer.running_mean, torch.stack(seen).mean(0))
    assert layer.momentum == 0.1
    assert all(torch.equal(parameter, weights[name]) for name, parameter in system.named_parameters())


def test_a_frozen_layer_keeps_its_statistics():
    system = tiny_system().train()
    system.body[1].eval()
    before = system.body[1].running_mean.clone()
    settle(system, batches())
    assert torch.equal(system.body[1].running_mean, before)


def test_settling_twice_changes_nothing():
    system = tiny_system().train()
    system.body[3].eval()  # dropout is random
    settle(system, batches())
    first = system.body[1].running_var.clone()
    settle(system, batches())
    torch.testing.assert_close(system.body[1].running_var, first)
