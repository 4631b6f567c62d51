"""The time that a run still needs: predicted durations, times how much slower this machine has been than predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.machine.device import cpu_threads
from benchmark.run.job import Job
from benchmark.run.messages import Step
from benchmark.run.schedule import Task, chains
from results.cell import Kind

PRIOR_S = 10.0  # predicted seconds for which a machine is believed to be as fast as the records say
Steps = Mapping[str, float]  # predicted seconds of the steps of one process, in their order


@dataclass(frozen=True)
class Pace:
    """Predicted seconds of the work that was done, and the seconds that it took."""

    predicted: float = 0.0
    taken: float = 0.0

    def plus(self, predicted: float, taken: float) -> Pace:
        """The pace with more work done."""
        return Pace(self.predicted + predicted, self.taken + taken)

    def slowness(self, believed: float = 1.0) -> float:
        """Seconds that a predicted second takes; near to what was ``believed`` as long as little is done."""
        return (self.taken + believed * PRIOR_S) / (self.predicted + PRIOR_S)


class Running:
    """How far the process of a cell is, in predicted seconds."""

    def __init__(self, now: float) -> None:
        self.started = self.heard = now  # when it was started, and when it reported last
        self.reached = 0.0  # of its work, as reported
        self.chunk = 0.0  # until its next report
        self.skipped: dict[str, float] = {}  # of its steps that an earlier, interrupted process did

    def done(self, now: float, slowness: float) -> float:
        """What it has done: in silence it advances at the pace so far, to its next report at most."""
        return self.reached + min((now - self.heard) / slowness, self.chunk)


class TimeLeft:
    """Follows a run by the messages of its processes. ``clock`` gives seconds.

    Cost and accuracy cells have a pace each, for predictions may be good for one kind and poor for the other.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.ahead: dict[str, list[Steps]] = {}  # processes to come by the cell's key, a running one first
        self.jobs: dict[str, Job] = {}
        self.paces: dict[Kind, Pace] = {"cost": Pace(), "accuracy": Pace()}  # of the processes that have ended
        self.running: dict[str, Running] = {}  # by the cell's key

    def expect(self, job: Job, processes: Sequence[Steps]) -> None:
        """Add a cell that is to be run."""
        self.ahead[job.cell.key], self.jobs[job.cell.key] = list(processes), job

    def longest_first(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs in the order that keeps several cores busy to the end: by the longest chain that waits for each."""
        seconds = {job.cell.key: sum(sum(steps.values()) for steps in self.ahead[job.cell.key]) for job in jobs}
        length = chains(Task(job.cell.key, seconds[job.cell.key], job.cell.base_key) for job in jobs)
        return sorted(jobs, key=lambda job: -length[job.cell.key])

    def step(self, job: Job, step: Step) -> None:
        """Note how far a process is. A step that was not predicted tells nothing."""
        steps = self.ahead[job.cell.key][0]
        run = self.running.setdefault(job.cell.key, Running(self.clock()))
        if step.name in steps:
            run.chunk = steps[step.name] / max(1, step.total)
            run.skipped.setdefault(step.name, run.chunk * max(0, step.done - 1))
            names = list(steps)
            before = sum(steps[name] for name in names[: names.index(step.name)])
            run.reached = before + run.chunk * min(step.done, step.total) - sum(run.skipped.values())
        if not step.repeated:
            run.heard = self.clock()

    def ended(self, job: Job) -> None:
        """Note that a process has ended."""
        steps = self.ahead[job.cell.key].pop(0)
        kind, now = job.cell.kind, self.clock()
        run = self.running.pop(job.cell.key, Running(now))
        done = sum(steps.values()) - sum(run.skipped.values())
        self.paces[kind] = self.paces[kind].plus(done, now - run.started)

    def drop(self, job: Job) -> None:
        """Expect nothing more of a cell: it has its record."""
        self.ahead.pop(job.cell.key, None)

    def seconds(self) -> float:
        """The estimate: cells that share the cores take their share of the time, the longest of them all of its own."""
        now, paces = self.clock(), dict(self.paces)
        left = {key: sum(sum(steps.values()) for steps in processes) for key, processes in self.ahead.items()}
        for key, run in self.running.items():
            kind = self.jobs[key].cell.kind
            done = run.done(now, self.paces[kind].slowness(_together(self.paces).slowness()))
            paces[kind] = paces[kind].plus(done, now - run.started)
            left[key] -= done + sum(run.skipped.values())
        believed = _together(paces).slowness()
        total = 0.0
        for kind, pace in paces.items():
            cells = {key: max(0.0, seconds) for key, seconds in left.items() if self.jobs[key].cell.kind == kind}
            shared = sum(seconds * share_of_machine(self.jobs[key]) for key, seconds in cells.items())
            total += max(shared, *cells.values(), 0.0) * pace.slowness(believed)
        return total


def share_of_machine(job: Job) -> float:
    """The part of the machine that a cell keeps busy: cost cells have it to themselves."""
    return job.cores / cpu_threads() if job.cell.kind == "accuracy" else 1.0


def _together(paces: Mapping[Kind, Pace]) -> Pace:
    return Pace(sum(one.predicted for one in paces.values()), sum(one.taken for one in paces.values()))
