"""Writing a file completely or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from benchmark.errors import UserError

PART = ".part"  # how the name of a file ends that is being written


class WriteError(UserError):
    """A file cannot be written; the message names it."""


def write_atomic(path: Path, *parts: bytes) -> None:
    """Write a file so that at any moment the complete old or the complete new one is on the disk.

    Raises:
        WriteError: the folder cannot be written to, or the disk is full; the old file stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise WriteError(f"{path}: cannot be written ({error.strerror}); free space or choose another --out") from error


def append_line(path: Path, line: str) -> None:
    """Add one line to a text file.

    Raises:
        WriteError: the file cannot be written, or the disk is full.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror}); free space or choose another --out") from error
