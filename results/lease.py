"""Leases: which process is at work on a cell, so that runs on several hosts can share one folder of records.

A lease is a hidden file ``.lease-<key>-<n>`` beside the records. To take it is to create that file, which only one
process can, on network file systems without locks too. Its owner touches the file all the while. A lease has expired
when its owner has died on this machine, or has not touched it for ``EXPIRES_S`` on the reader's own clock; it is then
taken by creating the file with the next number, which again only one process can. The highest number counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from results.errors import UserError

PREFIX = ".lease-"
TOUCH_S = 15.0
EXPIRES_S = 120.0  # several touches, and longer than a network file system may show old attributes


class Leases:
    """The leases that this process holds in a folder. A context manager: at its end all are released.

    Args:
        folder: of the records; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, Path] = {}
        self.watched: dict[Path, tuple[int, float]] = {}  # of others: last touch by their clock, when seen by ours
        self.owner = {"machine": machine(), "pid": os.getpid(), "started": _started(os.getpid())}
        self.ended = threading.Event()
        self.toucher = threading.Thread(target=self._touch, daemon=True)

    def __enter__(self) -> Leases:
        self.toucher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for key in list(self.held):
            self.release(key)

    def take(self, key: str) -> bool:
        """Take the lease of a cell, unless another process holds it; look at the records again afterwards.

        Raises:
            UserError: the folder cannot be read or written, or the disk is full.
        """
        try:
            number, newest = self._newest(key)
            if newest and not self._expired(newest):
                return False
            mine = self.folder / f"{PREFIX}{key}-{number + 1}"
            with mine.open("x", encoding="utf-8") as file:
                json.dump(self.owner, file)
        except FileExistsError:
            return False
        except OSError as error:
            advice = "free some space or choose another folder with --records"
            raise UserError(f"{self.folder}: cannot write: {error.strerror}; {advice}") from error
        self.held[key] = mine
        return True

    def release(self, key: str) -> None:
        """Give a lease back, once the record is stored; expired ones of the same cell go too."""
        mine = self.held.pop(key)
        with contextlib.suppress(OSError):  # else it expires
            for _, path in self._numbered(key):
                if path == mine or self._expired(path):
                    path.unlink(missing_ok=True)

    def clear(self, keys: Collection[str]) -> None:
        """Remove the expired leases of cells that have a record: who held them died before giving them back."""
        with contextlib.suppress(OSError):  # they do no harm
            for name in os.listdir(self.folder):  # noqa: PTH208
                path = self.folder / name
                if name.startswith(PREFIX) and name[len(PREFIX) :].rpartition("-")[0] in keys and self._expired(path):
                    path.unlink(missing_ok=True)

    def holder(self, key: str) -> str:
        """Who holds the lease of a cell, in words."""
        _, newest = self._newest(key)
        owner = _read(newest)[0] if newest else {}
        return f"process {owner.get('pid', '?')} on {str(owner.get('machine', '?')).split()[0]}"

    def _newest(self, key: str) -> tuple[int, Path | None]:
        return max(self._numbered(key), default=(0, None))

    def _numbered(self, key: str) -> list[tuple[int, Path]]:
        start = f"{PREFIX}{key}-"
        names = [name for name in os.listdir(self.folder) if name.startswith(start)]  # noqa: PTH208
        return [(int(name[len(start) :]), self.folder / name) for name in names if name[len(start) :].isdecimal()]

    def _expired(self, path: Path) -> bool:
        try:
            owner, touched = _read(path)
        except OSError:
            return True  # released just now
        if owner.get("machine") == self.owner["machine"]:
            return owner.get("started") != _started(owner.get("pid"))
        now = time.monotonic()
        last, since = self.watched.get(path, (None, now))
        self.watched[path] = (touched, since if last == touched else now)
        return now - self.watched[path][1] > EXPIRES_S

    def _touch(self) -> None:
        while not self.ended.wait(TOUCH_S):
            for path in list(self.held.values()):
                with contextlib.suppress(OSError):  # a network that is away for a moment
                    os.utime(path)


def machine() -> str:
    """This machine since its last start, and this container in it: here a process id names one process."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # only Linux has these
        parts += [
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
    return " ".join(parts)


def _started(pid: object) -> float | None:
    """When a process of this machine was started, on a clock that nobody sets; None if it has ended."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else float(fields[19])
    import psutil

    try:
        return float(psutil.Process(pid if isinstance(pid, int) else -1).create_time())
    except (psutil.Error, ValueError):
        return None


def _read(path: Path) -> tuple[dict[str, Any], int]:
    """The owner and the time of the last touch. Opening a file makes a network file system ask its server."""
    with path.open(encoding="utf-8") as file:
        touched = os.fstat(file.fileno()).st_mtime_ns
        try:
            owner = json.load(file)
        except ValueError:
            owner = {}  # not written yet, or its writer was killed
    return owner if isinstance(owner, dict) else {}, touched
