"""Runs jobs one by one, each in a process of its own; a cell that is on record already is not run again.

Cost cells come first, in rounds: in each round every cost cell has one process, in a new random order, so that a slow
spell of the machine falls on several systems and not on one.

A server imports torch and the other libraries once, and each cell's process is forked from it before any thread or
device has been started there. This process relays progress, and turns the death of a cell's process into a record.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmark.errors import UserError
from benchmark.run.job import Job
from benchmark.run.messages import Message, RoundDone, Stored
from benchmark.run.worker import BAD_INPUT, work
from results.record import Record
from results.store import Store, read_record

IMPORTED_ONCE = [
    "benchmark.run.accuracy_cell",
    "benchmark.run.cost_cell",
    "baselines.common.preload",
    "segmentation_models_pytorch",
]
Report = Callable[[Job, Message], None]


def run_jobs(jobs: list[Job], store: Store, report: Report) -> Iterator[tuple[Job, Record, bool]]:
    """Yield each job with its record, and whether it was on record already.

    Raises:
        UserError: the store cannot be written, or a process met bad input; the cells before it are on record.
    """
    store.ensure_writable()
    ahead = []
    for job in jobs:
        known = store.find(job.cell.key)
        if known:
            yield job, known, True
        else:
            ahead.append(job)
    yield from _in_rounds([job for job in ahead if job.cell.kind == "cost"], store, report)
    for job in ahead:
        if job.cell.kind != "cost":
            record = run_cell(job, store, report)
            assert record is not None  # an accuracy cell has one round
            yield job, record, False


def _in_rounds(jobs: list[Job], store: Store, report: Report) -> Iterator[tuple[Job, Record, bool]]:
    """Cost cells, round by round. A job ends with its last round, or with the first that fails."""
    order = random.Random(0)
    for number in itertools.count(1):
        for job in order.sample(jobs, len(jobs)):
            record = None
            if number == job.rounds or not job.round_file(number).exists():  # an interrupted run's rounds are kept
                record = run_cell(replace(job, round=number), store, report)
            if record:
                jobs.remove(job)
                yield job, record, False
        if not jobs:
            return


def run_cell(job: Job, store: Store, report: Report) -> Record | None:
    """Run a job's process to its end. None after a round that others follow."""
    started = time.time()
    try:
        job.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot make {job.work}: {error.strerror}; choose another folder") from error
    process, pipe = start_cell(job, store)
    try:
        last = relay(pipe, job, report)
        process.join()
    finally:
        _stop(process)
    if isinstance(last, Stored):
        return read_record(last.path)
    if isinstance(last, RoundDone):
        return None
    if process.exitcode == BAD_INPUT:
        raise UserError(_last_line(job.log))
    return _store_failure(job, store, _cause_of_death(process.exitcode or 0, job.log), started)


def start_cell(job: Job, store: Store) -> tuple[BaseProcess, Connection]:
    """Fork a job's process from the server; returns it with our end of its pipe."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job, store, theirs))
    process.start()
    theirs.close()  # so that our end closes when the process ends
    return process, ours


def relay(pipe: Connection, job: Job, report: Report) -> Message | None:
    """Pass messages on until the process closes its end; returns the last one."""
    message: Message | None = None
    with contextlib.suppress(EOFError):
        while True:
            message = pipe.recv()
            assert message is not None
            report(job, message)
    return message


def _stop(process: BaseProcess) -> None:
    """End the process and its group, if they have not ended: data loading starts processes of its own."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()  # in case it had no group of its own yet
    process.join()


def _store_failure(job: Job, store: Store, reason: str, started: float) -> Record:
    from benchmark.machine.environment import environment, provenance

    record = Record(
        key=job.cell.key,
        status="failed",
        reason=reason,
        cell=job.cell,
        protocol_hash=job.cell.protocol.hash,
        environment=environment(job.cell.device),
        provenance=provenance(job.command, {"cell": job.cell.seed}, started, resumed=False),
    )
    store.append(record)
    return record


def _cause_of_death(status: int, log: Path) -> str:
    """Why a process ended without a record."""
    if status == -signal.SIGKILL:
        return f"killed by SIGKILL, as the kernel does when memory runs out; log: {log}"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}; log: {log}"
    return f"{_last_line(log)}; log: {log}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
