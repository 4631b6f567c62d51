"""The contract that ``isdbench check`` runs: a sound system passes, and each fault is caught by the check for it."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from benchmark import registry
from benchmark.cli import main
from benchmark.rules import contract
from benchmark.rules.contract import CHECKS, Subject, failure
from benchmark.system import IGNORE
from tests.benchmark.tiny import CARD, TinySystem


class Sound(TinySystem):
    """A net of two convolutions whose loss is finite without labels too."""

    def loss(self, image, target):
        logits = F.interpolate(self(image), target.shape[-2:], mode="bilinear")
        summed = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
        return {"seg": summed / (target != IGNORE).sum().clamp_min(1)}


class Caching(Sound):
    kept = None

    def logits(self, image):
        self.kept = super().logits(image) if self.kept is None or self.kept.shape[0] != image.shape[0] else self.kept
        return self.kept


class Random(Sound):
    def logits(self, image):
        return super().logits(image) + torch.rand(()) * torch.randn(7, 1, 1)


class Overwriting(Sound):
    def predict(self, image):
        labels = super().predict(image)
        image.zero_()
        return labels


class Mixing(Sound):
    def logits(self, image):
        logits = super().logits(image)
        return logits + logits.mean()


class OtherWhenTimed(Sound):
    def inference_form(self):
        return Sound(self.card, self.num_classes)


class Idle(Sound):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.unused = torch.nn.Linear(2, 2)


class Infinite(Sound):
    def loss(self, image, target):
        return {name: loss / 0 for name, loss in super().loss(image, target).items()}


class SevenClasses(Sound):
    def __init__(self, card, num_classes):
        super().__init__(card, 7)


class Unsaved(Sound):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.scale = torch.rand(())

    def logits(self, image):
        return super().logits(image) * self.scale


FAULTS = {
    Caching: {"looks", "batch"},
    Random: {"labels"},
    Overwriting: {"untouched"},
    Mixing: {"batch"},
    OtherWhenTimed: {"inference_form"},
    Idle: {"training"},
    Infinite: {"training", "unlabelled"},
    Unsaved: {"saved"},
    SevenClasses: {"classes"},
}


def found(kind, monkeypatch, parameters=None):
    torch.manual_seed(0)
    system = kind(CARD, contract.CLASSES).eval()
    counted = sum(parameter.numel() for parameter in system.inference_form().parameters())
    card = replace(CARD, parameters=counted if parameters is None else parameters)
    monkeypatch.setattr(registry, "build", kind)
    one = Subject(card, system, torch.rand(1, 3, *contract.SIZE))
    return {check.__name__ for check in CHECKS if failure(check, one)}


def test_a_sound_system_passes(monkeypatch):
    assert found(Sound, monkeypatch) == set()


def test_a_card_must_state_the_parameters(monkeypatch):
    assert found(Sound, monkeypatch, parameters=0) == {"parameters"}
    by_name = Subject(replace(CARD, name="smp:Unet/resnet34", fidelity="library", parameters=0), Sound(CARD, 7), None)
    assert not failure(contract.parameters, by_name)


def test_a_wrong_number_of_parameters_is_found(monkeypatch):
    assert found(Sound, monkeypatch, parameters=1000) == {"parameters"}


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_found(kind, monkeypatch):
    assert FAULTS[kind] <= found(kind, monkeypatch)


@pytest.mark.slow
def test_a_system_of_ours_passes(capsys):
    assert main(["check", "bisenetv1"]) == 0
    assert capsys.readouterr().out.count("ok ") == len(CHECKS)


@pytest.mark.slow
def test_a_new_package_keeps_the_contract_at_once(tmp_path, capsys):
    assert main(["new", "system", "mynet", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.index("pip install -e") < printed.index("isdbench check mynet") < printed.index("isdbench run")
    assert "net.py" in printed
    code = (
        "import mynet, sys; from benchmark import cli, registry; registry.specs()['mynet'] = mynet.SYSTEMS[0]; "
        "sys.exit(cli.main(['check', 'mynet']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "mynet", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert main(["new", "system", "mynet", "--out", str(tmp_path)]) == 2


@pytest.mark.parametrize("name", ["My-Net", "class", "torch", "stdc", "json"])
def test_a_name_that_is_taken_or_none_is_refused(name, tmp_path):
    assert main(["new", "system", name, "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_reference_is_no_net(capsys):
    assert main(["check", "constant"]) == 2
    assert "'constant' is a reference row" in capsys.readouterr().err
