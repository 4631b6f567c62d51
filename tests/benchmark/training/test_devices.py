"""Processes that share a batch, batch norm's statistics included, give the weights of one process."""

import dataclasses

import pytest
import torch

from benchmark.training.settings import TrainSettings
from benchmark.training.train import train
from isdnet.blocks import BatchNorm
from tests.benchmark.tiny import RECIPE, TinyDataset, tiny_system

IDS = TinyDataset().ids("train")
FULL = dataclasses.replace(RECIPE, resize=(1.0, 1.0), crop=(32, 32))  # no ignored padding: equal weights of pixels


class CleanDataset(TinyDataset):
    """Without ignored pixels."""

    def read(self, image_id):
        image, label = super().read(image_id)
        label[label == 255] = 1
        return image, label


def plain_system():
    system = tiny_system()
    system.body[1], system.body[3] = torch.nn.Identity(), torch.nn.Identity()
    return system


def normalised_system():
    """Without dropout, whose draws depend on how a batch is shared."""
    system = tiny_system()
    system.body[3] = torch.nn.Identity()
    return system


def system_with_a_norm_of_its_own():
    """A subclass of torch's layer, as ISDNet has it."""
    system = normalised_system()
    system.body[1] = BatchNorm(8)
    return system


def trained(folder, made, devices, recipe):
    system = made()
    settings = TrainSettings(iterations=20, batch=4, seed=5, checkpoint=folder / f"{devices}.ckpt", devices=devices)
    outcome = train(system, recipe, CleanDataset(), IDS, settings, rebuild=made)
    return system, outcome


@pytest.mark.slow  # two processes that import torch
@pytest.mark.parametrize("made", [plain_system, normalised_system, system_with_a_norm_of_its_own])
def test_two_devices_share_a_batch(tmp_path, made):
    recipe = dataclasses.replace(FULL, settle_batches=3)
    (one, alone), (two, shared) = (trained(tmp_path, made, devices, recipe) for devices in (1, 2))
    torch.testing.assert_close(shared.loss_curve, alone.loss_curve, atol=1e-4, rtol=1e-4)
    states = one.state_dict(), two.state_dict()
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, atol=1e-4, rtol=1e-4, msg=name)
    assert not torch.equal(one.head.weight, made().head.weight)
