"""What a killed training continues from: a checkpoint that proves itself whole, and a log of the losses."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, TypeAlias

import torch

from benchmark.atomic import append_line, write_atomic

State: TypeAlias = dict[str, Any]
MAGIC = b"isdbench training checkpoint 1\n"
SHA256_BYTES = 32


def log_path(checkpoint: Path) -> Path:
    """Where the losses of a run are logged."""
    return checkpoint.with_suffix(".losses.jsonl")


def previous(path: Path) -> Path:
    """Where the checkpoint before the newest one is kept."""
    return path.with_name(f"{path.name}.previous")


def save_checkpoint(path: Path, state: State) -> None:
    """Write a checkpoint with its sha256, keeping the one before it.

    Args:
        path: of the newest checkpoint.
        state: tensors, numbers, strings and containers of them; "iteration" says how many iterations are done.

    Raises:
        UserError: the folder cannot be written to, or the disk is full; what was there stays.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    if path.exists():
        path.replace(previous(path))
    write_atomic(path, MAGIC, hashlib.sha256(payload).digest(), payload)


def load_checkpoint(path: Path, logged: int) -> tuple[State | None, list[str]]:
    """The newest usable checkpoint, else the one before it, else None; and a line for each that had to be refused.

    Args:
        path: of the newest checkpoint.
        logged: iterations in the loss log; a checkpoint that is ahead of it cannot be continued.
    """
    refused = []
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        content = candidate.read_bytes()
        start = len(MAGIC) + SHA256_BYTES
        if not content.startswith(MAGIC) or hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
            refused.append(f"{candidate}: truncated or damaged checkpoint, not used")
            continue
        state: State = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
        if state["iteration"] <= logged:
            return state, refused
        refused.append(f"{candidate}: its loss log holds {logged} of {state['iteration']} iterations, not used")
    return None, refused


class LossLog:
    """One JSON line for each iteration: ``{"iteration", "learning_rate", "losses": {name: value}}``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _whole_lines(path)
        self.totals = [sum(json.loads(line)["losses"].values()) for line in self.lines]

    def restart(self, iteration: int) -> None:
        """Forget what follows the first ``iteration`` iterations, in the file too, and go on from there."""
        self.totals = self.totals[:iteration]
        write_atomic(self.path, "".join(self.lines[:iteration]).encode())
        self.lines = []

    def append(self, learning_rate: float, losses: dict[str, float]) -> None:
        """Add one iteration."""
        entry = {"iteration": len(self.totals), "learning_rate": learning_rate, "losses": losses}
        append_line(self.path, json.dumps(entry))
        self.totals.append(sum(losses.values()))

    def sync(self) -> None:
        """Have every line on the disk: called before a checkpoint that counts on them."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def _whole_lines(path: Path) -> list[str]:
    """The lines of a log up to the first that a kill cut short or that is not the next iteration."""
    lines: list[str] = []
    if not path.exists():
        return lines
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            whole = line.endswith("\n") and json.loads(line)["iteration"] == len(lines)
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            break
        lines.append(line)
    return lines
