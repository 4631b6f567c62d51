"""What a cell's process tells the process that started it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """How far the current step of a cell is."""

    name: str  # "start", "train", "count", "evaluate", "warm-up", "timing", "memory"
    done: int
    total: int
    note: str = ""
    repeated: bool = False  # nothing new: the process has been silent for a while


@dataclass(frozen=True)
class RoundDone:
    """A round of samples has ended; other rounds follow before there is a record."""

    number: int


@dataclass(frozen=True)
class Stored:
    """The cell's record is in the store."""

    path: Path


@dataclass(frozen=True)
class Elsewhere:
    """Another run is at work on the cell; this one waits for its record."""

    holder: str


@dataclass(frozen=True)
class Died:
    """The cell's process ended without a record; one that says so is stored next."""

    reason: str


Message = Step | RoundDone | Stored | Elsewhere | Died
