"""What a run shows while it works: two bars with time left in a terminal, a line per cell elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmark.run.job import Job
from benchmark.run.messages import Elsewhere, Message, RoundDone, Step
from results.record import Record
from results.store import one_line


class Display:
    """Shows the progress of a run. Time left is estimated from finished cells of the same kind."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(file=stream, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, transient=True)
        self.cells = self.bars.add_task("cells", total=None, note="", visible=False)
        self.step = self.bars.add_task("", total=None, note="", visible=False)
        self.waiting: list[Job] = []
        self.elsewhere: list[Job] = []  # that another run is at work on
        self.rounds: dict[str, int] = {}  # still to come, by the cell's key
        self.seconds: dict[str, list[float]] = {}  # of each round that has ended, by kind of cell
        self.started = time.monotonic()

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.bars.stop()

    def making(self, what: str, done: int, total: int) -> None:
        """Show the progress of making data."""
        self.bars.update(self.step, description=what, completed=done, total=total, visible=done < total)

    def plan(self, jobs: Sequence[Job]) -> None:
        """Announce the cells to run."""
        self.waiting = list(jobs)
        self.rounds = {job.cell.key: job.rounds for job in jobs}
        self.bars.update(self.cells, total=len(jobs), visible=True)

    def progress(self, job: Job, message: Message) -> None:
        """Show a message from the running cell."""
        if isinstance(message, RoundDone):
            self._ended(job)
        elif isinstance(message, Elsewhere):
            if job not in self.elsewhere:
                self.elsewhere.append(job)
                self.console.print(f"{job.cell.system} {job.cell.kind}: {message.holder} is at work on it; waiting")
        elif isinstance(message, Step):
            name = f"{job.cell.system} {message.name}"
            self.bars.update(
                self.step,
                description=name,
                completed=message.done,
                total=message.total,
                note=message.note,
                visible=True,
            )

    def finished(self, job: Job, record: Record, known: bool) -> None:
        """Show that a cell has its record."""
        cell = job.cell
        self.waiting.remove(job)
        if not known:
            self._ended(job)
        self.bars.update(self.cells, advance=1, note=self.left())
        name = f"{cell.system} {cell.kind}" + (f" seed {cell.seed}" if cell.kind == "accuracy" else "")
        outcome = "on record" if known else f"{record.provenance.wall_seconds:.0f} s"
        reason = "" if record.status == "ok" else f": {one_line(record.reason)}"  # perhaps of another host's log
        left = (
            ""
            if known or not self.waiting
            else f" ({len(self.waiting)} cell{'s' * (len(self.waiting) > 1)} to go, {self.left()})"
        )
        self.console.print(f"{name}: {record.status}, {outcome}{reason}{left}", markup=False, soft_wrap=True)

    def _ended(self, job: Job) -> None:
        """Note the duration of one process of a cell."""
        now = time.monotonic()
        self.seconds.setdefault(job.cell.kind, []).append(now - self.started)
        self.started = now
        self.rounds[job.cell.key] -= 1

    def left(self) -> str:
        """The estimated time for the waiting cells, in words; empty before the first has ended."""
        every = [second for seconds in self.seconds.values() for second in seconds]
        if not every:
            return ""
        total = 0.0
        for job in self.waiting:
            like = self.seconds.get(job.cell.kind, every)
            total += self.rounds[job.cell.key] * sum(like) / len(like)
        return f"about {total / 60:.0f} min left" if total > 90 else f"about {total:.0f} s left"


@contextmanager
def bar(stream: TextIO, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with time left for one long step; yields the function that advances it. Silent outside a terminal."""
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=stream)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(unit, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
