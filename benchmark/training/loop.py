"""The training loop, as one process of a run executes it: stages, then iterations, then a checkpoint now and then.

Read :meth:`Loop.run` first, then :meth:`Loop.stage` and :meth:`Loop.step`.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from benchmark.card import Recipe
from benchmark.data.base import Dataset
from benchmark.errors import NonFiniteError, UserError
from benchmark.system import System
from benchmark.training.batch_norm import SharedStatistics, settle
from benchmark.training.checkpoint import LossLog, State, load_checkpoint, log_path, save_checkpoint
from benchmark.training.sampling import DecodedImages, Numbers, Samples, loader
from benchmark.training.schedule import learning_rate, optimizer_of, stage_ends
from benchmark.training.settings import Progress, TrainSettings
from results.cell import digest, identity

SAVING_SHARE = 20  # a checkpoint that takes a second is written every 20 seconds at most
DROPOUT_STREAM = 2  # third word of an iteration's seed; samples and permutations use other words
LOWEST_SCALE = 1.0  # of fp16 gradients; falls from 65536 to this only if they overflow in every step


@dataclass(frozen=True)
class TrainingData:
    """What to train on, and how: given to every process of a run beside the system."""

    recipe: Recipe
    dataset: Dataset
    ids: tuple[str, ...]
    settings: TrainSettings
    progress: Progress


Finished: TypeAlias = tuple[float, bool]  # seconds, whether resumed


def run(data: TrainingData, fabric: Fabric, system: System) -> Finished | NonFiniteError:
    """Train to the end. A NonFiniteError is returned: raised in a child process it would come back as a traceback."""
    try:
        return Loop(data, fabric, system).run()
    except NonFiniteError as error:
        return error


class Loop:
    """One process of a training run.

    Raises:
        UserError: the checkpoint belongs to another run.
    """

    def __init__(self, data: TrainingData, fabric: Fabric, system: System) -> None:
        self.data, self.fabric, self.system = data, fabric, system
        self.settings, self.on_cpu = data.settings, data.settings.device == "cpu"
        # on a CPU, channels-last convolutions take 0.8 to 1.0 of the time, and a fused optimiser's step a third
        self.layout = torch.channels_last if self.on_cpu else torch.contiguous_format
        self.identity = run_identity(system, data)
        self.ends = stage_ends(data.recipe, system.stages, self.settings.iterations)
        self.images = DecodedImages(data.dataset, self.settings.cache_mb / max(1, self.settings.workers))
        self.log = LossLog(log_path(self.settings.checkpoint))
        self.state = load_checkpoint(self.settings.checkpoint, len(self.log.totals))
        if self.state and self.state["identity"] != self.identity:
            found = self.state["identity"]
            other = ", ".join(name for name, value in self.identity.items() if found.get(name) != value)
            raise UserError(f"{self.settings.checkpoint}: of a run with another {other}; remove it to start again")
        self.iteration = self.state["iteration"] if self.state else 0
        self.seconds = self.state["seconds"] if self.state else 0.0
        self.resumed = self.iteration > 0
        self.ticked = self.saved = time.monotonic()
        self.saving = 0.0  # seconds that the last checkpoint took

    def run(self) -> Finished:
        """Run the rest of every stage."""
        self.fabric.barrier()  # every process has read the log before the first one cuts it
        if self.fabric.is_global_zero:
            self.log.restart(self.iteration)
        reached = next(index for index, end in enumerate(self.ends) if self.iteration <= end)
        with SharedStatistics() if self.fabric.world_size > 1 else contextlib.nullcontext():
            for index, stage in enumerate(self.system.stages):
                self.seed()
                self.system.train()
                self.system.enter_stage(stage)
                if index >= reached:
                    self.stage(index)
        self.system.to(memory_format=torch.contiguous_format)  # the layout that is scored
        return self.seconds, self.resumed

    def stage(self, index: int) -> None:
        """Run the rest of one stage, with a new optimiser or the checkpoint's."""
        start, end = self.ends[index - 1] if index else 0, self.ends[index]
        recipe = self.data.recipe.during(self.system.stages[index])
        if self.state:
            self.system.load_state_dict(self.state["system"])
        self.system.to(memory_format=self.layout)  # a stage may have added modules
        optimizer = optimizer_of(recipe, self.system.named_parameters(), fused=self.on_cpu)
        module, stepper = self.fabric.setup(self.system, optimizer)
        module.mark_forward_method("loss")
        if self.state and self.iteration < self.ends[-1]:
            optimizer.load_state_dict(self.state["optimizer"])
            self.fabric.strategy.precision.load_state_dict(self.state["scaler"])
        self.state = None
        samples = self.samples(recipe)
        for image, target in self.batches(samples, self.iteration, end):
            self.seed()
            rate = learning_rate(recipe, self.iteration - start, end - start)
            losses = self.step(module, stepper, rate, image, target, samples)
            self.record(rate, losses)
            if self.iteration < end:
                self.save(optimizer)
        if recipe.settle_batches:  # on the samples that would come next
            self.seed()
            settle(self.system, self.batches(samples, end, end + recipe.settle_batches))
        self.save(optimizer)

    def batches(self, samples: Samples, start: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's share of the batches from iteration ``start`` to ``end`` (not included), on its device.

        Yields:
            Images float32 ``[B, 3, h, w]`` in the loop's memory layout, and targets int64 ``[B, h, w]``; B is the
            batch divided by the number of devices.
        """
        numbers = Numbers(start, end, self.settings.batch, self.fabric.global_rank, self.fabric.world_size)
        for image, target in loader(samples, numbers, self.settings.workers, pin=self.settings.device == "cuda"):
            on_device = image.to(self.fabric.device, non_blocking=True, memory_format=self.layout)
            yield on_device, target.to(self.fabric.device, non_blocking=True)

    def samples(self, recipe: Recipe) -> Samples:
        """The training samples of a stage, with the recipe's crop at the ratio of the card."""
        height, width = (max(1, round(side * self.system.card.ratio)) for side in recipe.crop)
        return Samples(self.images, self.data.ids, recipe, (height, width), self.settings.seed)

    def step(
        self,
        module: _FabricModule,
        optimizer: _FabricOptimizer,
        rate: float,
        image: Tensor,
        target: Tensor,
        samples: Samples,
    ) -> dict[str, float]:
        """One step down the sum of the system's losses; returns them by name, as means over the devices.

        Args:
            module: the system as set up by fabric, ``loss`` marked as a forward method.
            optimizer: as set up by fabric.
            rate: the learning rate of this step.
            image: float32 ``[B, 3, h, w]``.
            target: int64 ``[B, h, w]``.
            samples: that the batch comes from, to be named in an error.

        Raises:
            NonFiniteError: a loss or the gradient's norm is not finite; no weight has changed.
        """
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("multiplier", 1.0)
        optimizer.zero_grad()
        losses: dict[str, Tensor] = module.loss(image, target)
        self.fabric.backward(torch.stack(list(losses.values())).sum())
        norm = torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
        reported = self.fabric.all_reduce(
            torch.stack([*(loss.detach().float() for loss in losses.values()), norm.float()])
        )
        assert isinstance(reported, Tensor)
        *values, gradient = reported.tolist()  # the only place where a step waits for the device
        named = dict(zip(losses, values, strict=True))
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        # the scaler skips an fp16 step that overflows and lowers its scale: an error only if that does not end
        healthy = scaler.get_scale() >= LOWEST_SCALE if scaler else math.isfinite(gradient)
        if not (healthy and all(map(math.isfinite, values))):
            told = ", ".join(f"{name} {value:g}" for name, value in named.items())
            raise NonFiniteError(
                f"{self.describe(samples)}: not finite: losses {told}; gradient norm {gradient:g}; "
                "lower the learning rate, or use --precision fp32"
            )
        optimizer.step()
        return named

    def describe(self, samples: Samples) -> str:
        """The current iteration, its samples and their images, for an error."""
        first = self.iteration * self.settings.batch
        numbers = range(first, first + self.settings.batch)
        images = ", ".join(dict.fromkeys(samples.image_id(number) for number in numbers))
        return f"iteration {self.iteration}, samples {first}-{numbers[-1]} of images {images}"

    def record(self, rate: float, losses: dict[str, float]) -> None:
        """Count, time, log and report one iteration."""
        self.iteration += 1
        now = time.monotonic()
        self.seconds, self.ticked = self.seconds + now - self.ticked, now
        if self.fabric.is_global_zero:
            self.log.append(rate, losses)
            self.data.progress(self.iteration, self.settings.iterations, losses)

    def save(self, optimizer: torch.optim.Optimizer) -> None:
        """Write a checkpoint if one is due, and always after the last iteration."""
        now = time.monotonic()
        due = now - self.saved >= max(self.settings.checkpoint_every_seconds, SAVING_SHARE * self.saving)
        if not self.fabric.is_global_zero or not (due or self.iteration == self.ends[-1]):
            return
        self.log.sync()
        state: State = {
            "identity": self.identity,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "system": self.system.state_dict(),
        }
        if self.iteration < self.ends[-1]:  # afterwards nothing reads them, and they are up to two thirds of the file
            state |= {"optimizer": optimizer.state_dict(), "scaler": self.fabric.strategy.precision.state_dict()}
        save_checkpoint(self.settings.checkpoint, state)
        self.saved = time.monotonic()
        self.saving = self.saved - now

    def seed(self) -> None:
        """Seed Python's, NumPy's and torch's generators with a function of the run's seed, the iteration and the rank.

        So dropout, and whatever else a system draws, is the same after a resume as without an interruption.
        """
        words = np.random.SeedSequence([self.settings.seed, self.iteration, DROPOUT_STREAM, self.fabric.global_rank])
        seed = int(words.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # a third party's system may draw from it
        torch.manual_seed(seed)


def run_identity(system: System, data: TrainingData) -> dict[str, str]:
    """What must be equal for a checkpoint to be continued."""
    names = ("iterations", "batch", "seed", "device", "devices", "precision")
    return {
        "system": digest(identity(system.card)),
        "recipe": digest(identity(data.recipe)),
        "classes": str(system.num_classes),
        "dataset": data.dataset.info.name,
        "ids": digest(list(data.ids)),
        **{name: str(getattr(data.settings, name)) for name in names},
    }
