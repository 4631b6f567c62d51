"""A job: one cell, the settings that it is measured with, and where its files go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmark.card import Card, Recipe
from benchmark.data.base import ids_hash
from benchmark.machine.device import cpu_threads
from benchmark.run.profiles import Profile
from benchmark.training.settings import Meeting
from results.cell import Cell

Tell = Callable[[str, int, int, str], None]  # reports progress: step, done, total, note


@dataclass(frozen=True, kw_only=True)
class Split:
    """The ids that a cell trains on and scores."""

    train: tuple[str, ...]
    scored: tuple[str, ...]
    scored_name: str  # "test", "val", "holdout"

    @property
    def hash(self) -> str:
        """Fingerprint of both lists."""
        return f"{ids_hash(self.train)}-{ids_hash(self.scored)}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A cell with everything its process executes: the settings that the cell's key was made from, not their names."""

    cell: Cell
    card: Card  # scaled to the images
    recipe: Recipe  # as it is on the dataset
    profile: Profile  # as it is for this system
    num_classes: int
    root: Path  # of the dataset
    split: Split | None  # None for cost
    devices: int  # GPUs to train on, of all nodes together
    nodes: int = 1  # that they are on
    meeting: Meeting | None = None  # of the nodes of a training, once it runs
    work: Path  # checkpoints and partial results of this cell
    weights: Path  # where the trained weights are kept
    base_weights: Path | None = None  # trained weights of its base, or of its own net; None: train from the start
    command: str
    round: int = 1  # the round of samples that a cost cell's process takes

    @property
    def trains(self) -> bool:
        """Whether an accuracy cell trains anything: one with another's trained weights may have no stage of its own."""
        return not self.card.is_reference and (self.base_weights is None or bool(self.recipe.stages))

    @property
    def cores(self) -> int:
        """The CPU cores that its process keeps busy: all of them, where it also uses a GPU."""
        return min(self.cell.protocol.threads or cpu_threads(), cpu_threads())

    @property
    def rounds(self) -> int:
        """How many processes take the cell's samples."""
        return self.profile.rounds if self.cell.kind == "cost" else 1

    def round_file(self, number: int) -> Path:
        """Where a round leaves its samples for the last round, which writes the record."""
        return self.work / f"round-{number}.json"

    @property
    def checkpoint(self) -> Path:
        """The training checkpoint."""
        return self.work / "training.pt"

    @property
    def log(self) -> Path:
        """What the cell's process on this node printed."""
        return self.work / (f"log-{self.meeting.node}.txt" if self.meeting and self.meeting.node else "log.txt")
