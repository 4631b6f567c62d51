"""A run killed anywhere and continued equals the uninterrupted one, bit for bit; a loss that is not finite stops it."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from baselines.common.refiner import Refiner
from benchmark.errors import NonFiniteError, UserError
from benchmark.training import loop as training_loop
from benchmark.training.checkpoint import log_path, previous
from benchmark.training.schedule import optimizer_of
from benchmark.training.settings import TrainSettings
from benchmark.training.train import TrainOutcome, train
from tests.benchmark.tiny import CARD, RECIPE, TinyDataset, TinySystem, tiny_system

IDS = TinyDataset().ids("train")
STAGES = [("main",), ("body", "head")]
CHANNELS_LAST = torch.channels_last


class Killed(Exception):
    pass


def plan(folder: Path, **changes) -> TrainSettings:
    settings = TrainSettings(iterations=12, batch=3, seed=5, checkpoint=folder / "run.ckpt", checkpoint_every_seconds=0)
    return dataclasses.replace(settings, **changes)


@pytest.fixture(autouse=True)
def _a_checkpoint_after_every_iteration(monkeypatch):
    monkeypatch.setattr(training_loop, "SAVING_SHARE", 0, raising=False)


def killer(at: int):
    def progress(done, total, losses):
        if done == at:
            raise Killed

    return progress


def equal(one: TinySystem, other: TinySystem) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def straight(folder: Path, stages=("main",), **changes) -> tuple[TinySystem, TrainOutcome]:
    system = tiny_system(stages)
    return system, train(system, RECIPE, TinyDataset(), IDS, plan(folder / "straight", **changes))


def without_time(outcome: TrainOutcome) -> TrainOutcome:
    return dataclasses.replace(outcome, seconds=0, resumed=False)


@pytest.mark.slow
@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("at", [1, 4, 6, 7, 11, 12])
def test_killed_and_continued_equals_uninterrupted(tmp_path, stages, at):
    expected, outcome = straight(tmp_path, stages)
    with pytest.raises(Killed):
        train(tiny_system(stages), RECIPE, TinyDataset(), IDS, plan(tmp_path), killer(at))
    torch.manual_seed(99)  # whatever the next process starts with
    system = tiny_system(stages)
    with torch.no_grad():
        system.head.bias.add_(1)  # what the checkpoint holds counts, not what the system comes with
    if at == 1:
        system = tiny_system(stages)  # killed before the first checkpoint: the run starts from its own weights
    continued = train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert equal(system, expected)
    assert continued.resumed is (at > 1)
    assert without_time(continued) == without_time(outcome)
    assert (
        log_path(plan(tmp_path).checkpoint).read_bytes()
        == log_path(plan(tmp_path / "straight").checkpoint).read_bytes()
    )


@pytest.mark.parametrize("stages", STAGES)
def test_a_finished_run_is_continued_from_the_weights_alone(tmp_path, stages):
    expected, outcome = straight(tmp_path, stages)
    settings = plan(tmp_path / "straight")
    state = torch.load(settings.checkpoint, weights_only=True)
    assert state.keys() == {"identity", "iteration", "seconds", "system"}
    assert "optimizer" in torch.load(previous(settings.checkpoint), weights_only=True)
    system = tiny_system(stages)
    again = train(system, RECIPE, TinyDataset(), IDS, settings)
    assert equal(system, expected)
    assert without_time(again) == without_time(outcome)


class Apprenticed(TinySystem):
    """As FCtL: a copy is trained in the second stage, kept by the third, and exists in between only."""

    def __init__(self):
        super().__init__(stages=("body", "copy", "head"))
        self.kept = torch.nn.Conv2d(8, 3, 1)
        self.copy = None

    def forward(self, image):
        return (self.copy or self.head)(self.body(self.normalised(image))) + self.kept(self.body(image))

    def enter_stage(self, stage):
        self.requires_grad_(stage == "body")
        if stage == "copy":
            self.copy = copy.deepcopy(self.head).requires_grad_(True)
        elif stage == "head":
            self.kept.load_state_dict(self.copy.state_dict())
            self.copy = None
            self.head.requires_grad_(True)


class Twinned(TinySystem):
    """As GLNet: a frozen twin takes the head's weights when the last stage begins, and that trains the head on."""

    def __init__(self):
        super().__init__(stages=("body", "head", "both"))
        self.twin = copy.deepcopy(self.head).requires_grad_(False)

    def forward(self, image):
        features = self.body(self.normalised(image))
        return self.head(features) + self.twin(features)

    def enter_stage(self, stage):
        super().enter_stage(stage)
        if stage == "both":
            self.twin.load_state_dict(self.head.state_dict())


class Refined(Refiner):
    """A base and two factors that are trained on it once it is frozen."""

    own_stages = ("factor",)

    def __init__(self):
        super().__init__(CARD, 3, tiny_system(("body", "head")))
        self.factor = torch.nn.Parameter(torch.ones(2))

    def refined(self, image, coarse):
        return coarse * self.factor[0] + self.factor[1]

    def own_loss(self, image, target):
        return {"factor": self.logits(image).square().mean()}


@pytest.mark.slow
@pytest.mark.parametrize("made", [Apprenticed, Twinned, Refined])
@pytest.mark.parametrize("at", [2, 4, 5, 8, 9, 11])  # within each of three stages and at their ends
def test_systems_that_change_between_stages_continue_too(tmp_path, made, at):
    def built():
        torch.manual_seed(3)
        return made()

    expected = built()
    train(expected, RECIPE, TinyDataset(), IDS, plan(tmp_path / "straight"))
    with pytest.raises(Killed):
        train(built(), RECIPE, TinyDataset(), IDS, plan(tmp_path), killer(at))
    system = built()
    assert train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path)).resumed
    assert system.state_dict().keys() == expected.state_dict().keys()
    assert equal(system, expected)


def test_killed_again_and_again(tmp_path):
    expected, outcome = straight(tmp_path, ("body", "head"))
    for at in (3, 5, 8, 9):
        with pytest.raises(Killed):
            train(tiny_system(("body", "head")), RECIPE, TinyDataset(), IDS, plan(tmp_path), killer(at))
    system = tiny_system(("body", "head"))
    continued = train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert equal(system, expected)
    assert without_time(continued) == without_time(outcome)


def test_a_finished_run_is_not_trained_again(tmp_path):
    expected, outcome = straight(tmp_path)
    dataset, system = TinyDataset(), tiny_system()
    again = train(system, RECIPE, dataset, IDS, plan(tmp_path / "straight"))
    assert equal(system, expected)
    assert again == dataclasses.replace(outcome, resumed=True)
    assert dataset.reads == []


def test_adamw_resumes_exactly_too(tmp_path):
    recipe = dataclasses.replace(RECIPE, optimizer="adamw", rotate="continuous")
    expected = tiny_system()
    train(expected, recipe, TinyDataset(), IDS, plan(tmp_path / "straight"))
    with pytest.raises(Killed):
        train(tiny_system(), recipe, TinyDataset(), IDS, plan(tmp_path), killer(7))
    system = tiny_system()
    train(system, recipe, TinyDataset(), IDS, plan(tmp_path))
    assert equal(system, expected)


CHILD = """
import sys, time
from pathlib import Path
from tests.benchmark.training import test_train as t
def slow(done, total, losses):
    time.sleep(0.1)
    print(done, flush=True)
system = t.tiny_system(t.STAGES[1])
t.train(system, t.RECIPE, t.TinyDataset(), t.IDS, t.plan(Path(sys.argv[1])), slow)
"""


@pytest.mark.slow  # a process that imports torch
def test_sigkill_and_the_same_command_again(tmp_path):
    expected, outcome = straight(tmp_path, STAGES[1])
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": str(root)}
    child = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "8":
            break
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    system = tiny_system(STAGES[1])
    continued = train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert continued.resumed
    assert equal(system, expected)
    assert without_time(continued) == without_time(outcome)


def test_seconds_before_an_interruption_count(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def slow(done, total, losses):
        now[0] += 1
        if done == 9:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_system(), RECIPE, TinyDataset(), IDS, plan(tmp_path), slow)
    outcome = train(tiny_system(), RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert outcome.seconds == 7  # between the eight iterations before the last checkpoint


def test_a_damaged_checkpoint_is_said_and_the_one_before_used(tmp_path, caplog):
    expected, _ = straight(tmp_path)
    with pytest.raises(Killed):
        train(tiny_system(), RECIPE, TinyDataset(), IDS, plan(tmp_path), killer(8))
    checkpoint = plan(tmp_path).checkpoint
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    system = tiny_system()
    continued = train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert continued.resumed
    assert [str(checkpoint) in message for message in caplog.messages] == [True]
    caplog.clear()
    assert equal(system, expected)
    for path in (checkpoint, previous(checkpoint)):
        path.write_bytes(b"")
    system = tiny_system()
    anew = train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert not anew.resumed
    assert len(caplog.messages) == 2
    assert equal(system, expected)


@pytest.mark.parametrize(("name", "value"), [("batch", 6), ("seed", 6), ("iterations", 13)])
def test_a_checkpoint_of_another_run_is_refused(tmp_path, name, value):
    with pytest.raises(Killed):
        train(tiny_system(), RECIPE, TinyDataset(), IDS, plan(tmp_path), killer(4))
    with pytest.raises(UserError, match=f"another {name}; remove it"):
        train(tiny_system(), RECIPE, TinyDataset(), IDS, plan(tmp_path, **{name: value}))


def test_workers_do_not_change_the_result(tmp_path):
    expected, _ = straight(tmp_path)
    system = tiny_system()
    train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path, workers=2))
    assert equal(system, expected)


def test_it_learns_and_the_outcome_says_so(tmp_path):
    losses: list[float] = []
    system = tiny_system()
    settings = plan(tmp_path, iterations=40, checkpoint_every_seconds=60)
    outcome = train(
        system, RECIPE, TinyDataset(), IDS, settings, lambda d, t, named: losses.append(sum(named.values()))
    )
    assert len(losses) == 40
    assert outcome.loss_first == pytest.approx(sum(losses[:4]) / 4)
    assert outcome.loss_last == pytest.approx(sum(losses[-4:]) / 4)
    assert outcome.loss_last < 0.5 * outcome.loss_first
    entries = [json.loads(line) for line in log_path(settings.checkpoint).read_text().splitlines()]
    assert set(entries[0]["losses"]) == {"seg", "flat"}
    assert entries[0]["learning_rate"] < entries[10]["learning_rate"] > entries[39]["learning_rate"]


def test_a_frozen_stage_leaves_its_weights_alone(tmp_path):
    system = tiny_system(("head",))
    before = system.body[0].weight.clone(), system.head.weight.clone()
    train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    assert torch.equal(system.body[0].weight, before[0])
    assert not torch.equal(system.head.weight, before[1])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_faster_layout_and_optimiser_of_a_cpu_change_rounding_only(tmp_path, monkeypatch, optimizer):
    """Losses and weights are those of torch's plain layout and optimiser, and the system is handed back as it came."""
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer)
    layouts, results = [], []

    def plain_optimizer(recipe, parameters, *, fused):
        assert fused
        return optimizer_of(recipe, parameters)

    class Looks(TinySystem):
        def loss(self, image, target):
            layouts.append(image.is_contiguous(memory_format=CHANNELS_LAST))
            return super().loss(image, target)

    for name in ("fast", "plain"):
        if name == "plain":
            monkeypatch.setattr(torch, "channels_last", torch.contiguous_format)
            monkeypatch.setattr(training_loop, "optimizer_of", plain_optimizer)
        torch.manual_seed(3)
        system = Looks()
        system.body[3] = torch.nn.Identity()  # dropout draws its mask in the order of memory
        train(system, recipe, TinyDataset(), IDS, plan(tmp_path / name))
        assert all(parameter.is_contiguous() for parameter in system.parameters())
        losses = log_path(plan(tmp_path / name).checkpoint).read_text().splitlines()
        results.append((system, [json.loads(line)["losses"]["seg"] for line in losses]))
    assert layouts == [True] * 12 + [False] * 12
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-4)
    fast, plain = (dict(system.named_parameters()) for system, _ in results)
    del fast["body.0.bias"], plain["body.0.bias"]  # batch norm takes it out: its gradient is rounding alone
    torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-4)


def test_bf16_trains(tmp_path):
    assert straight(tmp_path, iterations=30, precision="bf16")[1].loss_last < 0.6


class Exploding(TinySystem):
    """Its loss is ``value`` from the sixth call on; with ``backward`` set, its gradient is."""

    value, backward, calls = float("nan"), False, 0

    def loss(self, image, target):
        losses = super().loss(image, target)
        self.calls += 1
        if self.calls > 5:
            broken = self.head.weight.sum() * 0
            # the root of zero has an infinite slope, times zero a gradient that is no number
            losses["flat"] = broken.sqrt() if self.backward else broken + self.value
        return losses


@pytest.mark.parametrize(("value", "backward"), [(float("nan"), False), (float("inf"), False), (0.0, True)])
def test_what_is_not_finite_stops_the_run_before_the_weights_are_touched(tmp_path, value, backward):
    system = Exploding()
    system.value, system.backward = value, backward
    with pytest.raises(NonFiniteError) as caught:
        train(system, RECIPE, TinyDataset(), IDS, plan(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for part in ("iteration 5,", "samples 15-17", "seg 0.", "flat", "train"):
        assert part in message
    assert all(parameter.isfinite().all() for parameter in system.parameters())
    assert ("gradient norm nan" if backward else f"flat {value:g}") in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"devices": 2}, "--devices: a batch of 3 cannot be shared evenly by 2 devices"),
        ({"precision": "fp16"}, "--precision fp16.*--device cuda"),
    ],
)
def test_settings_that_cannot_work_are_one_clear_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        plan(tmp_path, **changes)


def test_no_image_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="--root nowhere: no image to train on"):
        train(tiny_system(), RECIPE, TinyDataset(), (), plan(tmp_path))
