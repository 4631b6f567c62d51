"""The job: a cell and what its process needs beside - which images, and where to put what it makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmark import registry
from benchmark.card import Card
from benchmark.data.base import ids_hash
from benchmark.run.profiles import budget_of
from results.cell import Cell, Model

Tell = Callable[[str, int, int, str], None]  # how far a cell is: step, done, total, a note


class Split(Model):
    """The ids that a cell trains on and scores."""

    train: tuple[str, ...]
    scored: tuple[str, ...]
    scored_name: str  # "test", "val", "holdout"

    @property
    def hash(self) -> str:
        """Fingerprint of both lists."""
        return f"{ids_hash(self.train)}-{ids_hash(self.scored)}"


class Job(Model):
    """A cell and what its process needs beside: where the images are and where to put what it makes."""

    cell: Cell
    ratio: float  # image side over the paper's image side
    num_classes: int
    root: Path  # of the dataset
    recipe_dataset: str  # whose overrides of the recipe hold
    split: Split | None  # None for cost
    devices: int
    work: Path  # checkpoints and partial results of this cell
    weights: Path  # where the trained weights are kept
    command: str
    round: int = 1  # of those in which a cost cell takes its samples

    @property
    def rounds(self) -> int:
        """How many processes take the cell's samples."""
        return budget_of(self.cell.profile, self.card).rounds if self.cell.kind == "cost" else 1

    def round_file(self, number: int) -> Path:
        """What a round but the last leaves for the last."""
        return self.work / f"round-{number}.json"

    @property
    def card(self) -> Card:
        """The system's card, scaled to the images."""
        return registry.card(self.cell.system).at(self.ratio)

    @property
    def checkpoint(self) -> Path:
        """The training checkpoint."""
        return self.work / "training.pt"

    @property
    def log(self) -> Path:
        """What the cell's process printed."""
        return self.work / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the cell's process."""
        return self.work / "lock"
