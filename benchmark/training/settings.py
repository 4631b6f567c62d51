"""The settings of a training run beside the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import UserError

Progress = Callable[[int, int, dict[str, float]], None]  # iterations done, iterations in all, losses by name


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Where the nodes of a training meet, and which of them this one is."""

    address: str  # of node 0, which keeps the checkpoint
    port: int  # a free one there
    node: int


def check_shares(batch: int, devices: int, system: str = "") -> None:
    """Raises: UserError: a batch has not the same number of crops for each device."""
    if batch % devices:
        of = f" of {system}" if system else ""
        raise UserError(
            f"--devices: a batch of {batch}{of} cannot be shared evenly by {devices} devices; "
            "choose --devices (times --nodes) that divide it, or another --batch"
        )


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """The settings of a run beside the recipe.

    Raises:
        UserError: a number is out of range, or settings exclude each other.
    """

    iterations: int
    batch: int  # of all devices together
    seed: int
    checkpoint: Path
    device: Literal["cpu", "cuda"] = "cpu"
    devices: int = 1  # of all nodes together; more than one: DDP, in processes of its own
    nodes: int = 1
    meeting: Meeting | None = None  # of several nodes
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    workers: int = 0  # processes that decode and cut; 0: this one
    checkpoint_every_seconds: float = 120.0
    cache_mb: float = 1000.0  # MB (1e6 bytes) of decoded images kept in memory, in all workers of a device together

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "devices", "nodes"):
            if getattr(self, name) < 1:
                raise UserError(f"training: {name} is {getattr(self, name)}; it must be 1 or more")
        check_shares(self.batch, self.devices)
        if self.devices % self.nodes:
            raise UserError(f"training: {self.devices} devices cannot be shared evenly by {self.nodes} nodes")
        if self.precision == "fp16" and self.device == "cpu":
            raise UserError("--precision fp16: training in fp16 needs --device cuda; use bf16 or fp32 on a CPU")


def no_progress(done: int, total: int, losses: dict[str, float]) -> None:
    """A progress callback that does nothing. Unlike a lambda it can be pickled."""
