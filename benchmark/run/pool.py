"""Runs jobs, each in a process of its own; a cell that is on record already is not run again.

Several runs, on several hosts, may share the folder of records: each cell is run by the one that holds its lease, and
the others wait for its record, whatever its status.

Cost cells come first, alone on the machine, in rounds: in each round every cost cell has one process, in a new random
order, so that a slow spell of the machine falls on several systems and not on one. Accuracy cells follow, side by side
where their threads leave cores free.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from benchmark.machine.device import cpu_threads
from benchmark.run.job import Job
from benchmark.run.messages import Elsewhere
from benchmark.run.process import REPEAT_S, CellProcess, Report
from results.lease import Leases
from results.record import Record
from results.store import Store, read_record

LOOK_AGAIN_S = 1.0  # at cells that other runs are at work on
Outcome = tuple[Job, Record, bool]  # whether the record was there already
Engine = Callable[[list[Job], Store, Report], Iterator[Outcome]]


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
        leases.clear(before.keys() - {job.cell.key for job in ahead})
        while ahead:
            run = _Pass(before, store, leases, report)
            yield from run.costs([job for job in ahead if job.cell.kind == "cost"])
            yield from run.accuracies([job for job in ahead if job.cell.kind != "cost"])
            for job in run.elsewhere:
                report(job, Elsewhere(leases.holder(job.cell.key)))
            if len(run.elsewhere) == len(ahead):
                time.sleep(LOOK_AGAIN_S)
            ahead = run.elsewhere


class _Pass:
    """One pass over the jobs without a record: runs those that no other run is at work on.

    ``before`` has the newest record of each cell at the start: a newer one was made by another run since.
    ``elsewhere`` collects the jobs of other runs, and the refiners whose base is among them.
    """

    def __init__(self, before: Mapping[str, Path | None], store: Store, leases: Leases, report: Report) -> None:
        self.before, self.store, self.leases, self.report = before, store, leases, report
        self.elsewhere: list[Job] = []

    def claim(self, job: Job) -> Record | bool:
        """The record that another run made of a job, or whether the job is ours to run now."""
        key = job.cell.key
        if job.cell.base_key in {other.cell.key for other in self.elsewhere} or not self.leases.take(key):
            self.elsewhere.append(job)
            return False
        newest = self.store.newest(key)
        if newest and newest != self.before[key]:
            self.leases.release(key)
            return read_record(newest)
        return True

    def costs(self, jobs: list[Job]) -> Iterator[Outcome]:
        """Cost cells, round by round. A job ends with its last round, or with the first that fails."""
        ours = []
        for job in jobs:
            claim = self.claim(job)
            if isinstance(claim, Record):
                yield job, claim, True
            elif claim:
                ours.append(job)
        order = random.Random(0)
        for number in itertools.count(1):
            if not ours:
                return
            for job in order.sample(ours, len(ours)):
                record = None
                if number == job.rounds or not job.round_file(number).exists():  # an interrupted run's rounds are kept
                    record = run_cell(replace(job, round=number), self.store, self.report)
                if record:
                    ours.remove(job)
                    self.leases.release(job.cell.key)
                    yield job, record, False

    def accuracies(self, jobs: list[Job]) -> Iterator[Outcome]:
        """Accuracy cells, side by side where their threads leave cores free, a refiner after its base."""
        waiting, running = list(jobs), list[CellProcess]()
        try:
            while waiting or running:
                job = next((job for job in waiting if _may_start(job, waiting, running)), None)
                if job:
                    waiting.remove(job)
                    claim = self.claim(job)
                    if isinstance(claim, Record):
                        yield job, claim, True
                    elif claim:
                        running.append(CellProcess(job, self.store, self.report))
                    continue
                for cell in _ended(running):
                    running.remove(cell)
                    record = cell.record()
                    assert record is not None  # an accuracy cell has one round
                    self.leases.release(cell.job.cell.key)
                    yield cell.job, record, False
        finally:
            for cell in running:
                cell.stop()


def _may_start(job: Job, waiting: Iterable[Job], running: Sequence[CellProcess]) -> bool:
    """Whether a job's base is done, and its threads are free. A job that uses a GPU, or every core, runs alone."""
    if job.cell.base_key in {other.cell.key for other in (*waiting, *(cell.job for cell in running))}:
        return False
    return not running or sum(one.cores for one in (job, *(cell.job for cell in running))) <= cpu_threads()


def _ended(running: Sequence[CellProcess]) -> list[CellProcess]:
    """Pass on what the processes say; returns those that have ended."""
    ready = wait([cell.pipe for cell in running], REPEAT_S)
    ended = [cell for cell in running if cell.pipe in ready and not cell.receive()]
    for cell in running:
        cell.repeat_if_silent()
    return ended


def run_cell(job: Job, store: Store, report: Report) -> Record | None:
    """Run a job's process to its end. None after a round that others follow."""
    cell = CellProcess(job, store, report)
    try:
        while not _ended([cell]):
            pass
        return cell.record()
    finally:
        cell.stop()
