"""What a training run needs beside the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import UserError

Progress = Callable[[int, int, dict[str, float]], None]  # iterations done, iterations in all, losses by name


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What a run needs beside the recipe. Batch is of all devices together.

    Raises:
        UserError: a number is out of range, or the options do not go together.
    """

    iterations: int
    batch: int
    seed: int
    checkpoint: Path
    device: Literal["cpu", "cuda"] = "cpu"
    devices: int = 1  # more than one: DDP, in processes of its own
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    workers: int = 0  # processes that decode and cut; 0: none
    checkpoint_every_seconds: float = 120.0
    cache_mb: float = 1000.0  # decoded images kept in memory

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "devices"):
            if getattr(self, name) < 1:
                raise UserError(f"training: {name} is {getattr(self, name)}; it must be 1 or more")
        if self.batch % self.devices:
            raise UserError(
                f"--devices {self.devices}: a batch of {self.batch} cannot be shared evenly; use a divisor of it"
            )
        if self.precision == "fp16" and self.device == "cpu":
            raise UserError("--precision fp16: training in fp16 needs --device cuda; use bf16 or fp32 on a CPU")


def unheard(done: int, total: int, losses: dict[str, float]) -> None:
    """Progress that nobody wants to hear of; unlike a lambda it pickles."""
