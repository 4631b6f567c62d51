"""The training loop itself, as one process of a run sees it: stages, iterations, checkpoints."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from lightning_fabric import Fabric

from benchmark.card import Recipe
from benchmark.data.base import Dataset
from benchmark.errors import NonFiniteError, UserError
from benchmark.system import System
from benchmark.training.checkpoint import LossLog, State, load_checkpoint, log_path, save_checkpoint
from benchmark.training.sampling import DecodedImages, Numbers, Samples, loader
from benchmark.training.schedule import learning_rate, optimizer_of, stage_ends
from benchmark.training.settings import Progress, TrainSettings
from benchmark.training.step import step
from results.cell import digest, identity

SAVING_SHARE = 20  # a checkpoint that takes a second is written every 20 seconds at most
DROPOUT_STREAM = 2  # third word of an iteration's seed, apart from the samples' and the permutations'


@dataclass(frozen=True)
class Job:
    """What every process of a run is given beside the system."""

    recipe: Recipe
    dataset: Dataset
    ids: tuple[str, ...]
    settings: TrainSettings
    progress: Progress


Ran: TypeAlias = tuple[float, bool, list[str]]  # seconds, whether resumed, notes


def run(job: Job, fabric: Fabric, system: System) -> Ran | NonFiniteError:
    """Train to the end. An error of the numbers is returned: raised in a child it would come back as a traceback."""
    try:
        return _Loop(job, fabric, system).finish()
    except NonFiniteError as error:
        return error


class _Loop:
    """One process's part of a training run."""

    def __init__(self, job: Job, fabric: Fabric, system: System) -> None:
        self.fabric, self.system = fabric, system
        self.recipe, self.settings, self.progress = job.recipe, job.settings, job.progress
        self.identity = _identity(system, job)
        self.ends = stage_ends(job.recipe, system.stages, self.settings.iterations)
        self.images = DecodedImages(job.dataset, self.settings.cache_mb / max(1, self.settings.workers))
        self.ids = job.ids
        self.samples = self._samples(job.recipe)
        self.log = LossLog(log_path(self.settings.checkpoint))
        self.state, self.notes = self._found()
        self.iteration = self.state["iteration"] if self.state else 0
        self.seconds = self.state["seconds"] if self.state else 0.0
        self.resumed = self.iteration > 0
        self.ticked = self.saved = time.monotonic()
        self.saving = 0.0  # seconds that the last checkpoint took

    def finish(self) -> Ran:
        """Run what is left of every stage."""
        self.fabric.barrier()  # all have read the log before the first one cuts it
        if self.fabric.is_global_zero:
            self.log.restart(self.iteration)
        reached = next(index for index, end in enumerate(self.ends) if self.iteration <= end)
        for index, stage in enumerate(self.system.stages):
            self._seed()
            self.system.train()
            self.system.enter_stage(stage)
            if index >= reached:
                self._stage(index)
        return self.seconds, self.resumed, self.notes

    def _found(self) -> tuple[State | None, list[str]]:
        state, notes = load_checkpoint(self.settings.checkpoint, len(self.log.totals))
        if state and state["identity"] != self.identity:
            other = [name for name, value in self.identity.items() if state["identity"].get(name) != value]
            raise UserError(
                f"{self.settings.checkpoint}: of a run with another {', '.join(other)}; remove it to start anew"
            )
        return state, notes

    def _samples(self, recipe: Recipe) -> Samples:
        height, width = (max(1, round(side * self.system.card.ratio)) for side in recipe.crop)
        return Samples(self.images, self.ids, recipe, (height, width), self.settings.seed)

    def _stage(self, index: int) -> None:
        start, end = self.ends[index - 1] if index else 0, self.ends[index]
        recipe = self.recipe.during(self.system.stages[index])
        self.samples = self._samples(recipe)
        if self.state:
            self.system.load_state_dict(self.state["system"])
        optimizer = optimizer_of(recipe, self.system.named_parameters())
        module, stepper = self.fabric.setup(self.system, optimizer)
        module.mark_forward_method("loss")
        if self.state:
            optimizer.load_state_dict(self.state["optimizer"])
            self.fabric.strategy.precision.load_state_dict(self.state["scaler"])
            self.state = None
        world, rank = self.fabric.world_size, self.fabric.global_rank
        numbers = Numbers(self.iteration, end, self.settings.batch, rank, world)
        for batch in loader(self.samples, numbers, self.settings.workers, pin=self.settings.device == "cuda"):
            self._seed()
            image, target = (tensor.to(self.fabric.device, non_blocking=True) for tensor in batch)
            rate = learning_rate(recipe, self.iteration - start, end - start)
            losses = step(self.fabric, module, stepper, rate, (image, target), where=self._describe)
            self._record(rate, losses)
            self._save(optimizer, at_end=self.iteration == self.ends[-1])

    def _describe(self) -> str:
        first = self.iteration * self.settings.batch
        numbers = range(first, first + self.settings.batch)
        images = ", ".join(dict.fromkeys(self.samples.image_id(number) for number in numbers))
        return f"iteration {self.iteration}, samples {first}-{numbers[-1]} of images {images}"

    def _record(self, rate: float, losses: dict[str, float]) -> None:
        self.iteration += 1
        now = time.monotonic()
        self.seconds, self.ticked = self.seconds + now - self.ticked, now
        if self.fabric.is_global_zero:
            self.log.append(rate, losses)
            self.progress(self.iteration, self.settings.iterations, losses)

    def _save(self, optimizer: torch.optim.Optimizer, *, at_end: bool) -> None:
        now = time.monotonic()
        due = at_end or now - self.saved >= max(self.settings.checkpoint_every_seconds, SAVING_SHARE * self.saving)
        if not (due and self.fabric.is_global_zero):
            return
        self.log.sync()
        state: State = {
            "identity": self.identity,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "system": self.system.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
        }
        save_checkpoint(self.settings.checkpoint, state)
        self.saved = time.monotonic()
        self.saving = self.saved - now

    def _seed(self) -> None:
        words = np.random.SeedSequence([self.settings.seed, self.iteration, DROPOUT_STREAM, self.fabric.global_rank])
        seed = int(words.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # a third party's system may draw from it
        torch.manual_seed(seed)


def _identity(system: System, job: Job) -> dict[str, str]:
    """What must be equal for a checkpoint to be continued."""
    names = ("iterations", "batch", "seed", "device", "devices", "precision")
    return {
        "system": digest(identity(system.card)),
        "recipe": digest(identity(job.recipe)),
        "classes": str(system.num_classes),
        "dataset": job.dataset.info.name,
        "ids": digest(list(job.ids)),
        **{name: str(getattr(job.settings, name)) for name in names},
    }
