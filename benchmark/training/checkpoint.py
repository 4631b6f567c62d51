"""What an interrupted training continues from: the newest checkpoint, the one before it, and a log of the losses."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from pathlib import Path
from typing import Any, TypeAlias

import torch

from benchmark.atomic import append_line, write_atomic

State: TypeAlias = dict[str, Any]


def log_path(checkpoint: Path) -> Path:
    """Where the losses of a run are logged."""
    return checkpoint.with_suffix(".losses.jsonl")


def previous(path: Path) -> Path:
    """Where the checkpoint before the newest one is kept."""
    return path.with_name(f"{path.name}.previous")


def save_checkpoint(path: Path, state: State) -> None:
    """Write a checkpoint and keep the one before it.

    Args:
        path: of the newest checkpoint.
        state: tensors, numbers, strings and containers of them; "iteration" is the number of iterations done.

    Raises:
        UserError: the folder cannot be written to, or the disk is full; the old checkpoint stays.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    if path.exists():
        path.replace(previous(path))
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path, logged: int) -> State | None:
    """The newest usable checkpoint, else the one before it, else None. One that cannot be used is named in the log.

    Args:
        path: of the newest checkpoint.
        logged: iterations in the loss log; a checkpoint that is ahead of it cannot be continued.
    """
    logger = logging.getLogger(__name__)
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        state = _loaded(candidate)
        if state is None:
            logger.warning("%s: truncated or damaged checkpoint, not used", candidate)
        elif state["iteration"] <= logged:
            return state
        else:
            known = f"{logged} of {state['iteration']} iterations"
            logger.warning("%s: its loss log holds %s, not used", candidate, known)
    return None


def _loaded(path: Path) -> State | None:
    """The state in a checkpoint, or None if the file is damaged. Its format is a zip file with checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # torch.load does not look at the checksums
                return None
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # damage can raise anything
        return None
    return state


class LossLog:
    """One JSON line for each iteration: ``{"iteration", "learning_rate", "losses": {name: value}}``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _complete_lines(path)
        self.totals = [sum(json.loads(line)["losses"].values()) for line in self.lines]

    def restart(self, iteration: int) -> None:
        """Cut the log, and its file, to the first ``iteration`` iterations, and continue from there.

        Raises:
            WriteError: the file cannot be written.
        """
        self.totals = self.totals[:iteration]
        write_atomic(self.path, "".join(self.lines[:iteration]).encode())
        self.lines = []

    def append(self, learning_rate: float, losses: dict[str, float]) -> None:
        """Add one iteration: the next number, its learning rate, and its losses by name.

        Raises:
            WriteError: the file cannot be written, or the disk is full.
        """
        entry = {"iteration": len(self.totals), "learning_rate": learning_rate, "losses": losses}
        append_line(self.path, json.dumps(entry))
        self.totals.append(sum(losses.values()))

    def sync(self) -> None:
        """Flush every line to the disk: a checkpoint relies on the lines before it."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def _complete_lines(path: Path) -> list[str]:
    """The lines of a log up to the first that was cut short or is not the next iteration."""
    lines: list[str] = []
    if not path.exists():
        return lines
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            complete = line.endswith("\n") and json.loads(line)["iteration"] == len(lines)
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete:
            break
        lines.append(line)
    return lines
