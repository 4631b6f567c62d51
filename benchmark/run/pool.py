"""Runs jobs one by one, each in a process of its own; a cell that is on record already is not run again.

Several runs, on several hosts, may share the folder of records: each cell is run by the one that holds its lease, and
the others wait for its record, whatever its status.

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
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmark.errors import UserError
from benchmark.run.job import Job
from benchmark.run.messages import Elsewhere, Message, RoundDone, Step, Stored
from benchmark.run.worker import BAD_INPUT, work
from results.lease import Leases
from results.record import Record
from results.store import Store, read_record

IMPORTED_ONCE = [
    "benchmark.run.accuracy_cell",
    "benchmark.run.cost_cell",
    "baselines.common.preload",
    "segmentation_models_pytorch",
]
LOOK_AGAIN_S = 1.0  # at cells that other runs are at work on
REPEAT_S = 10.0  # after as many seconds of silence, the last step is reported again
Report = Callable[[Job, Message], None]
Outcome = tuple[Job, Record, bool]  # whether the record was there already


def run_jobs(jobs: list[Job], store: Store, report: Report) -> Iterator[Outcome]:
    """Yield each job with its record, and whether it was on record already.

    Raises:
        UserError: the store cannot be written, or a process met bad input; the cells before it are on record.
    """
    store.ensure_writable()
    ahead, before = [], {}
    for job in jobs:
        before[job.cell.key] = store.newest(job.cell.key)  # the failure of an earlier run
        known = store.find(job.cell.key)
        if known:
            yield job, known, True
        else:
            ahead.append(job)
    with Leases(store.folder) as leases:
        while ahead:
            elsewhere = yield from _free_ones(ahead, before, store, leases, report)
            for job in elsewhere:
                report(job, Elsewhere(leases.holder(job.cell.key)))
            if len(elsewhere) == len(ahead):
                time.sleep(LOOK_AGAIN_S)
            ahead = elsewhere


def _free_ones(
    jobs: list[Job], before: dict[str, Path | None], store: Store, leases: Leases, report: Report
) -> Generator[Outcome, None, list[Job]]:
    """Run the jobs that no other run is at work on; returns those that one is, and refiners whose base is among them.

    ``before`` has the newest record of each cell at the start: a newer one was made by another run since.
    """
    elsewhere: list[Job] = []
    costs: list[Job] = []
    for job in sorted(jobs, key=lambda job: job.cell.kind != "cost"):
        if job.cell.kind != "cost":
            yield from _in_rounds(costs, store, leases, report)  # leaves the list empty
        if job.cell.base_key in {other.cell.key for other in elsewhere} or not leases.take(job.cell.key):
            elsewhere.append(job)
        elif (newest := store.newest(job.cell.key)) and newest != before[job.cell.key]:
            leases.release(job.cell.key)
            yield job, read_record(newest), True
        elif job.cell.kind == "cost":
            costs.append(job)
        else:
            record = run_cell(job, store, report)
            assert record is not None  # an accuracy cell has one round
            leases.release(job.cell.key)
            yield job, record, False
    yield from _in_rounds(costs, store, leases, report)
    return elsewhere


def _in_rounds(jobs: list[Job], store: Store, leases: Leases, report: Report) -> Iterator[Outcome]:
    """Cost cells, round by round. A job ends with its last round, or with the first that fails."""
    order = random.Random(0)
    for number in itertools.count(1):
        if not jobs:
            return
        for job in order.sample(jobs, len(jobs)):
            record = None
            if number == job.rounds or not job.round_file(number).exists():  # an interrupted run's rounds are kept
                record = run_cell(replace(job, round=number), store, report)
            if record:
                jobs.remove(job)
                leases.release(job.cell.key)
                yield job, record, False


def run_cell(job: Job, store: Store, report: Report) -> Record | None:
    """Run a job's process to its end. None after a round that others follow."""
    started = time.monotonic()
    try:
        job.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot make {job.work}: {error.strerror}; choose another folder") from error
    report(job, Step("start", 0, 1))
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
    process = context.Process(target=work, args=(job, store.folder, theirs))
    process.start()
    theirs.close()  # so that our end closes when the process ends
    return process, ours


def relay(pipe: Connection, job: Job, report: Report) -> Message | None:
    """Pass messages on until the process closes its end; returns the last one. The last step is repeated in silence."""
    message: Message | None = None
    step = Step("start", 0, 1)
    with contextlib.suppress(EOFError):
        while True:
            while not pipe.poll(REPEAT_S):
                report(job, replace(step, repeated=True))
            message = pipe.recv()
            assert message is not None
            step = message if isinstance(message, Step) else step
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
