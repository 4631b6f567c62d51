"""The process of one cell: measures the job, sends typed messages through a pipe, stores the record.

Started by :mod:`benchmark.run.pool`, forked from a server that has imported the libraries once. Whatever the process
or a library prints goes to the cell's log; the log's last line is the error, if there was one.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from benchmark.atomic import PART
from benchmark.errors import UserError
from benchmark.run.job import Job
from benchmark.run.messages import Message, RoundDone, Step, Stored
from results.store import DONE, Store

BAD_INPUT = 2  # exit status after a UserError
STEP_INTERVAL_S = 0.1  # at most ten steps a second are sent


class Channel:
    """Sends messages to the parent process. When the parent is gone, this process ends."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.sent = 0.0

    def tell(self, step: str, done: int, total: int, note: str) -> None:
        """Report the progress of a step; reports that follow each other too fast are left out, the last never is."""
        now = time.monotonic()
        if done >= total or now - self.sent >= STEP_INTERVAL_S:
            self.sent = now
            self.send(Step(step, done, total, note))

    def send(self, message: Message) -> None:
        """Send one message."""
        try:
            self.pipe.send(message)
        except BrokenPipeError:
            os._exit(1)


def work(job: Job, records: Path, pipe: Connection) -> None:
    """Measure the job, or one round of it, and store its record; exits with ``BAD_INPUT`` on a UserError."""
    os.setsid()  # so that the parent can end this process together with those that it starts
    redirect_output(job)
    end_with_parent()
    _cap_memory(job)
    channel, store = Channel(pipe), Store(records)
    folder = os.open(job.work, os.O_RDONLY)  # closed at the end of the process
    with contextlib.suppress(OSError):  # a network file system without locks: the lease is what counts there
        fcntl.flock(folder, fcntl.LOCK_EX)  # a run with another --records may use this --out
    for file in [*job.work.glob(f".*{PART}"), *job.weights.parent.glob(f".{job.weights.name}.*{PART}")]:
        file.unlink(missing_ok=True)  # a killed process was writing it
    try:
        from benchmark.run.cell import measure

        record = measure(job, channel.tell)
        if record is None:
            channel.send(RoundDone(job.round))
            return
        path = store.newest(job.cell.key, DONE)  # made by another run after this machine slept and lost its lease
        path = path or store.append(record)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(BAD_INPUT)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    for file in partial_results(job.work):
        file.unlink(missing_ok=True)
    channel.send(Stored(path))


def end_with_parent() -> None:
    """Let the kernel end this process and those it starts as soon as the process that started it has died.

    The sentinel is a pipe whose other end closes then; the signal SIGIO, sent to our group, ends whoever does not
    handle it, in the middle of a long operation too.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = int(parent.sentinel)
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    if not parent.is_alive():
        os._exit(1)


def redirect_output(job: Job) -> None:
    """Lead standard output and standard error, of libraries too, to the cell's log."""
    log = os.open(job.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)


def _cap_memory(job: Job) -> None:
    """On a CPU, make an allocation beyond the machine's memory an error, which gives an ``oom`` record."""
    from benchmark.cost.memory.limit import cap_host, machine_mib
    from benchmark.errors import ProbeUnavailableError

    if job.cell.device == "cpu":
        with contextlib.suppress(ProbeUnavailableError):  # without such a limit, the kernel's kill makes a record too
            cap_host(machine_mib())


def partial_results(work: Path) -> list[Path]:
    """The files in a work folder that only an interrupted cell needs; the log and all losses are not among them."""
    return [file for pattern in ("training.pt*", "scored.jsonl", "round-*.json") for file in work.glob(pattern)]
