"""Training: one loop for every system, on lightning-fabric (devices, DDP, precision).

Everything random is a function of the settings and a number: sample n of (seed, n), and the dropout of iteration i of
(seed, i). So a checkpoint holds no generator's state, and on a CPU a run that was killed anywhere and started again
equals the uninterrupted one bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Tensor

from benchmark.card import Recipe
from benchmark.data.base import Dataset
from benchmark.errors import NonFiniteError, UserError
from benchmark.system import System
from benchmark.training.checkpoint import LossLog, load_checkpoint, log_path
from benchmark.training.loop import Finished, TrainingData, run
from benchmark.training.settings import Progress, TrainSettings, no_progress

CURVE_POINTS = 100


@dataclass(frozen=True, kw_only=True)
class TrainOutcome:
    """The result of a run beside the trained weights in the system."""

    loss_first: float  # sum of losses, mean of the first tenth of the iterations
    loss_last: float  # the same of the last tenth
    loss_curve: tuple[float, ...]  # the same of each hundredth; of each iteration if there are fewer than a hundred
    seconds: float  # of training, the parts before an interruption included
    resumed: bool


def train(
    system: System,
    recipe: Recipe,
    dataset: Dataset,
    ids: Sequence[str],
    settings: TrainSettings,
    progress: Progress = no_progress,
    rebuild: Callable[[], System] | None = None,
) -> TrainOutcome:
    """Train a system in place, continuing from ``settings.checkpoint`` if that exists.

    With more than one device the loop runs in child processes. All arguments must be picklable then, but the system:
    each process makes it anew, since a library's classes may not be found where nobody has prepared their import.

    Args:
        system: with its initial weights; its card's ``ratio`` scales the crop.
        recipe: as it is on this dataset (``Recipe.on``).
        dataset: to read from.
        ids: of the images to train on; their order matters.
        settings: iterations, batch, device, checkpoint.
        progress: called after each iteration.
        rebuild: makes a system like this one, whose weights do not matter; needed for more than one device.

    Raises:
        NonFiniteError: a loss or gradient is not finite; the message names the losses and the images.
        UserError: nothing to train on, a checkpoint of another run, an unwritable folder.
        DataError: an image cannot be read.
    """
    if not ids:
        raise UserError(f"--root {dataset.root}: no image to train on")
    outcome = run_on_devices(TrainingData(recipe, dataset, tuple(ids), settings, progress), system, rebuild)
    if isinstance(outcome, NonFiniteError):
        raise outcome
    if settings.devices > 1:
        state = load_checkpoint(settings.checkpoint, settings.iterations)
        assert state is not None  # the children have just written it
        for stage in system.stages:
            system.enter_stage(stage)
        system.load_state_dict(state["system"])
    seconds, resumed = outcome
    totals = LossLog(log_path(settings.checkpoint)).totals
    tenth = max(1, settings.iterations // 10)
    return TrainOutcome(
        loss_first=float(np.mean(totals[:tenth])),
        loss_last=float(np.mean(totals[-tenth:])),
        loss_curve=tuple(float(np.mean(part)) for part in np.array_split(totals, min(CURVE_POINTS, len(totals)))),
        seconds=seconds,
        resumed=resumed,
    )


def run_on_devices(
    data: TrainingData, system: System, rebuild: Callable[[], System] | None
) -> Finished | NonFiniteError:
    """The loop on this node's devices. On a node other than the first nothing else is to be done."""
    fabric = _fabric(data.settings)
    if data.settings.devices == 1:
        outcome: Finished | NonFiniteError = fabric.launch(partial(run, data), system)
    else:
        assert rebuild is not None
        outcome = fabric.launch(partial(_run_copy, data, rebuild, system.stages, system.state_dict()))
    return outcome


def _run_copy(
    data: TrainingData,
    rebuild: Callable[[], System],
    stages: tuple[str, ...],
    state: dict[str, Tensor],
    fabric: Fabric,
) -> Finished | NonFiniteError:
    """In the process of one device."""
    system = rebuild()
    system.load_state_dict(state)
    system.stages = stages
    return run(data, fabric, system)


def _fabric(settings: TrainSettings) -> Fabric:
    plugins: list[Any] = []
    if settings.precision != "fp32":
        kind: Literal["16-mixed", "bf16-mixed"] = "16-mixed" if settings.precision == "fp16" else "bf16-mixed"
        plugins = [MixedPrecision(kind, settings.device)]
    if meeting := settings.meeting:  # Fabric's words for it
        os.environ |= {"MASTER_ADDR": meeting.address, "MASTER_PORT": str(meeting.port), "NODE_RANK": str(meeting.node)}
    strategy = "auto" if settings.devices == 1 else "ddp_spawn"
    here = settings.devices // settings.nodes
    return Fabric(
        accelerator=settings.device, devices=here, num_nodes=settings.nodes, strategy=strategy, plugins=plugins
    )
