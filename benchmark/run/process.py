"""The process of one cell as its parent sees it: started, listened to, ended, its death turned into a record.

A server imports torch and the other libraries once, and each cell's process is forked from it before any thread or
device has been started there.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmark.errors import UserError
from benchmark.run.cell import packages
from benchmark.run.job import Job
from benchmark.run.messages import Died, Message, RoundDone, Step, Stored
from benchmark.run.worker import BAD_INPUT, work
from results.record import Record
from results.store import Store, read_record

IMPORTED_ONCE = [
    "benchmark.run.accuracy_cell",
    "benchmark.run.cost_cell",
    "baselines.common.preload",
    "segmentation_models_pytorch",
]
REPEAT_S = 10.0  # after as many seconds of silence, the last step is reported again
Report = Callable[[Job, Message], None]


class CellProcess:
    """Starts a job's process; ``pipe`` has something to read when there is a message or the process has ended.

    Raises:
        UserError: the cell's work folder cannot be made.
    """

    def __init__(self, job: Job, store: Store, report: Report) -> None:
        self.job, self.store, self.report = job, store, report
        self.started = self.heard = time.monotonic()
        self.last: Message | None = None
        self.step = Step("start", 0, 1)
        try:
            job.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--out: cannot make {job.work}: {error.strerror}; choose another folder") from error
        report(job, self.step)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED_ONCE)
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(job, store.folder, theirs))
        self.process.start()
        theirs.close()  # so that our end closes when the process ends

    def receive(self) -> bool:
        """Pass the next message on; False if the process has closed its end."""
        try:
            message = self.pipe.recv()
        except EOFError:
            return False
        self.last, self.heard = message, time.monotonic()
        self.step = message if isinstance(message, Step) else self.step
        self.report(self.job, message)
        return True

    def repeat_if_silent(self) -> None:
        """Report the last step again where nothing was heard for a while."""
        if time.monotonic() - self.heard >= REPEAT_S:
            self.heard = time.monotonic()
            self.report(self.job, replace(self.step, repeated=True))

    def stop(self) -> None:
        """End the process and its group, if they have not ended: data loading starts processes of its own."""
        if self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # in case it had no group of its own yet
        self.process.join()

    def record(self) -> Record | None:
        """Of a process that has closed its end: what it stored, a failure, or None after a round that others follow.

        Raises:
            UserError: it met bad input.
        """
        self.process.join()
        exit_status = self.process.exitcode or 0
        self.stop()
        if isinstance(self.last, Stored):
            return read_record(self.last.path)
        if isinstance(self.last, RoundDone):
            return None
        if exit_status == BAD_INPUT:
            raise UserError(last_line(self.job.log))
        reason = _cause_of_death(exit_status, self.job.log)
        self.report(self.job, Died(reason))
        return store_failure(self.job, self.store, reason, self.started)


def store_failure(job: Job, store: Store, reason: str, started: float) -> Record:
    """Store why a cell that began at ``started`` (``time.monotonic``) has no result."""
    from benchmark.machine.environment import environment, provenance

    record = Record(
        key=job.cell.key,
        status="failed",
        reason=reason,
        cell=job.cell,
        protocol_hash=job.cell.protocol.hash,
        environment=environment(job.cell.device),
        provenance=provenance(job.command, {"cell": job.cell.seed}, started, resumed=False, packages=packages(job)),
    )
    store.append(record)
    return record


def _cause_of_death(status: int, log: Path) -> str:
    """Why a process ended without a record."""
    if status == -signal.SIGKILL:
        return f"killed by SIGKILL, as the kernel does when memory runs out; log: {log}"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}; log: {log}"
    return f"{last_line(log)}; log: {log}"


def last_line(log: Path) -> str:
    """The last line of a cell's log, which is the error if there was one."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
