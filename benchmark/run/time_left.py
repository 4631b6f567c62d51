"""The time that a run still needs: predicted durations, times how much slower this machine has been than predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.run.job import Job
from benchmark.run.messages import Step
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


class TimeLeft:
    """Follows a run by the messages of its processes. ``clock`` gives seconds.

    Cost and accuracy cells have a pace each, for predictions may be good for one kind and poor for the other.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.ahead: dict[str, list[Steps]] = {}  # processes to come by the cell's key, a running one first
        self.kinds: dict[str, Kind] = {}
        self.paces: dict[Kind, Pace] = {"cost": Pace(), "accuracy": Pace()}  # of the processes that have ended
        self.running = ""  # key of the cell whose process is running
        self.started = self.heard = clock()  # when that process was started, and when it reported last
        self.reached = 0.0  # predicted seconds of its work that it has reported
        self.chunk = 0.0  # predicted seconds until its next report
        self.skipped: dict[str, float] = {}  # predicted seconds of its steps that an earlier, interrupted process did

    def expect(self, job: Job, processes: Sequence[Steps]) -> None:
        """Add a cell that is to be run."""
        self.ahead[job.cell.key], self.kinds[job.cell.key] = list(processes), job.cell.kind

    def step(self, job: Job, step: Step) -> None:
        """Note how far the running process is. A step that was not predicted tells nothing."""
        steps = self.ahead[job.cell.key][0]
        if self.running != job.cell.key:
            self.running, self.started, self.skipped = job.cell.key, self.clock(), {}
        if step.name in steps:
            self.chunk = steps[step.name] / max(1, step.total)
            self.skipped.setdefault(step.name, self.chunk * max(0, step.done - 1))
            names = list(steps)
            before = sum(steps[name] for name in names[: names.index(step.name)])
            self.reached = before + self.chunk * min(step.done, step.total) - sum(self.skipped.values())
        if not step.repeated:
            self.heard = self.clock()

    def ended(self, job: Job) -> None:
        """Note that the running process has ended."""
        steps = self.ahead[job.cell.key].pop(0)
        kind = job.cell.kind
        self.paces[kind] = self.paces[kind].plus(
            sum(steps.values()) - sum(self.skipped.values()), self.clock() - self.started
        )
        self.running, self.skipped = "", {}

    def drop(self, job: Job) -> None:
        """Expect nothing more of a cell: it has its record."""
        self.ahead.pop(job.cell.key, None)

    def seconds(self) -> float:
        """The estimate. In silence the running process advances at the pace so far, to its next report at most."""
        now, paces = self.clock(), dict(self.paces)
        waiting: dict[Kind, float] = dict.fromkeys(paces, 0.0)
        for key, processes in self.ahead.items():
            waiting[self.kinds[key]] += sum(sum(steps.values()) for steps in processes)
        if self.running:
            kind = self.kinds[self.running]
            unheard = (now - self.heard) / paces[kind].slowness(_together(paces).slowness())
            done = self.reached + min(unheard, self.chunk)
            paces[kind] = paces[kind].plus(done, now - self.started)
            waiting[kind] -= done + sum(self.skipped.values())
        believed = _together(paces).slowness()
        return sum(max(0.0, seconds) * paces[kind].slowness(believed) for kind, seconds in waiting.items())


def _together(paces: Mapping[Kind, Pace]) -> Pace:
    return Pace(sum(one.predicted for one in paces.values()), sum(one.taken for one in paces.values()))
