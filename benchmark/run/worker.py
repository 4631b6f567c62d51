"""The process of one cell: measures the job, sends typed messages through a pipe, stores the record.

Started by :mod:`benchmark.run.pool`, forked from a server that has imported the libraries once. Whatever the process
or a library prints goes to the cell's log; the log's last line is the error, if there was one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
import traceback
from multiprocessing.connection import Connection

from benchmark.errors import UserError
from benchmark.run.job import Job
from benchmark.run.messages import Message, RoundDone, Step, Stored
from results.store import Store

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


def work(job: Job, store: Store, pipe: Connection) -> None:
    """Measure the job, or one round of it, and store its record; exits with ``BAD_INPUT`` on a UserError."""
    os.setsid()  # so that the parent can end this process together with those that it starts
    _redirect_output(job)
    _cap_memory(job)
    channel = Channel(pipe)
    with job.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a process whose parent was killed may still be at work on this cell
        try:
            from benchmark.run.cell import measure

            record = measure(job, channel.tell)
            path = store.append(record) if record else None
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(BAD_INPUT)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
    if path is None:
        channel.send(RoundDone(job.round))
        return
    _remove_partial_results(job)
    channel.send(Stored(path))


def _redirect_output(job: Job) -> None:
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


def _remove_partial_results(job: Job) -> None:
    """Remove what only an interrupted cell needs; the log and the losses of every iteration stay."""
    for pattern in (f"{job.checkpoint.name}*", "scored.jsonl", "round-*.json", job.lock.name):
        for file in job.work.glob(pattern):
            file.unlink()
