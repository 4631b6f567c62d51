"""The process of one cell: measures a job's cell, reports progress through a pipe, leaves a record.

Started by :mod:`benchmark.run.pool`, forked from a server that has imported the instruments once. Whatever libraries
print goes to the cell's log, with the messages of this process; the log's last line is the error, if there was one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmark.errors import UserError
from benchmark.run.job import Job
from results.store import Store

BAD_INPUT = 2  # exit status after a UserError


@dataclass(frozen=True)
class Progress:
    """Where a cell stands: the step ("train", "timing"), how much of it is done, a note.

    The last one is "record" with the record's path as its note, or "round" where other rounds follow.
    """

    step: str
    done: int
    total: int
    note: str = ""


class Channel:
    """Progress to the parent, ten times a second at most. When the parent is gone, this process ends."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.sent = 0.0

    def send(self, step: str, done: int, total: int, note: str = "") -> None:
        """Tell the parent where this cell stands."""
        now = time.monotonic()
        if done < total and step != "round" and now - self.sent < 0.1:
            return
        self.sent = now
        try:
            self.pipe.send(Progress(step, done, total, note))
        except BrokenPipeError:
            os._exit(1)


def work(job: Job, store: Store, pipe: Connection) -> None:
    """Measure the job's cell, or a round of it, store its record and tell; exits with ``BAD_INPUT`` on a UserError."""
    os.setsid()  # with the processes that it starts it is ended as one group
    _print_to(job.log)
    _cap_memory(job)
    channel = Channel(pipe)
    with job.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a process whose parent was killed may still be ending
        try:
            from benchmark.run.cell import measure

            record = measure(job, channel.send)
            path = store.append(record) if record else None
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(BAD_INPUT)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
    if path is None:
        channel.send("round", job.round, job.rounds)
        return
    _clear(job)
    channel.send("record", 1, 1, str(path))


def _cap_memory(job: Job) -> None:
    """On a CPU, asking for more memory than the machine has becomes an error, and so an ``oom`` record."""
    from benchmark.cost.memory.limit import cap_host, machine_mb
    from benchmark.errors import ProbeAbsentError

    if job.cell.device == "cpu":
        with contextlib.suppress(ProbeAbsentError):  # where there is no such limit the kernel's kill is a record too
            cap_host(machine_mb())


def _print_to(log: Path) -> None:
    """Lead file descriptors 1 and 2 to the log."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)


def _clear(job: Job) -> None:
    """Remove what only an interrupted cell needs; the log and the losses of every iteration stay."""
    for pattern in (f"{job.checkpoint.name}*", "scored.jsonl", "round-*.json", job.lock.name):
        for file in job.work.glob(pattern):
            file.unlink()
