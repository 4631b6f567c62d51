"""Runs jobs one by one, each in its own process; what is on record already is not run again.

This process imports no torch. It relays progress, and turns the death of a cell's process into a record.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UserError
from benchmark.plan import Job
from benchmark.worker import BAD_INPUT
from results.record import Record
from results.store import Store, read_record


@dataclass(frozen=True)
class Progress:
    """Where a cell stands: the step ("train", "evaluate", "measure", "record"), how much of it is done, a note."""

    step: str
    done: int
    total: int
    note: str = ""


Report = Callable[[Job, Progress], None]


def run_jobs(jobs: list[Job], store: Store, report: Report) -> Iterator[tuple[Job, Record, bool]]:
    """Yield each job with its record, and whether it was on record already.

    Raises:
        UserError: the store cannot be written, or a process met bad input; the cells before it are on record.
    """
    store.ensure_writable()
    for job in jobs:
        known = store.find(job.cell.key)
        yield job, known or _run(job, store, report), known is not None


def _run(job: Job, store: Store, report: Report) -> Record:
    started = time.time()
    log = _make_work_folder(job) / "log.txt"
    with log.open("ab") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.worker", str(store.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            start_new_session=True,
        )
        try:
            path = _converse(process, job, report)
            status = process.wait()
        finally:
            _stop(process)
    if path:
        return read_record(path)
    if status == BAD_INPUT:
        raise UserError(_last_line(log))
    return _store_failure(job, store, _death(status, log), started)


def _make_work_folder(job: Job) -> Path:
    try:
        job.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot make {job.work}: {error.strerror}; choose another folder") from error
    return job.work


def _converse(process: subprocess.Popen[bytes], job: Job, report: Report) -> Path | None:
    """Hand the job over, relay progress until the process closes its end, and return where its record lies."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(job.model_dump_json().encode())
    path = None
    for line in process.stdout:
        step = Progress(**json.loads(line))
        path = Path(step.note) if step.step == "record" else None
        report(job, step)
    return path


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group, if it has not ended: loading data has processes of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _store_failure(job: Job, store: Store, reason: str, started: float) -> Record:
    from benchmark.environment import environment, provenance

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


def _death(status: int, log: Path) -> str:
    """Why a process ended without a record."""
    if status == -signal.SIGKILL:
        return f"killed by SIGKILL, as the kernel does when memory runs out; log: {log}"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}; log: {log}"
    return f"{_last_line(log)}; log: {log}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
