"""What a run shows while it works: bars with the time left in a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.run.durations import durations_of, steps
from benchmark.run.job import Job
from benchmark.run.messages import Elsewhere, Message, RoundDone, Step
from benchmark.run.time_left import TimeLeft
from results.record import Record
from results.store import one_line

SILENCE_S = 20.0  # outside a terminal, a line follows on the first message after as long; one comes every 10 s


class Display:
    """Shows the progress of a run, and the time left as :class:`TimeLeft` estimates it.

    Args:
        stream: that it writes to.
        clock: seconds.
        quiet: show nothing but cells that have no result.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=stream, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, transient=True)
        self.cells = self.bars.add_task("cells", total=None, note="", visible=False)
        self.step = self.bars.add_task("", total=None, note="", visible=False)
        self.running: dict[str, TaskID] = {}  # a bar for each cell that runs
        self.waiting: list[Job] = []
        self.elsewhere: list[Job] = []  # that another run is at work on
        self.clock, self.time = clock, TimeLeft(clock)
        self.printed = clock()

    def __enter__(self) -> Display:
        if self.console.is_terminal and not self.quiet:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal and not self.quiet:
            self.bars.stop()

    def making(self, what: str, done: int, total: int) -> None:
        """Show the progress of making data."""
        self.bars.update(self.step, description=what, completed=done, total=total, visible=done < total)
        self._line_if_due(f"{what}: {done} of {total}")

    def plan(self, jobs: Sequence[Job], store: Path) -> None:
        """Announce the cells to run; the records in ``store`` help to say how long they take."""
        self.waiting = list(jobs)
        durations = durations_of(jobs, store)
        for job in jobs:
            self.time.expect(job, steps(job, durations))
        self.bars.update(self.cells, total=len(jobs), visible=True)

    def progress(self, job: Job, message: Message) -> None:
        """Show a message from the running cell."""
        if isinstance(message, RoundDone):
            self._ended(job)
        elif isinstance(message, Elsewhere):
            waiting = f"{job.cell.system} {job.cell.kind}: {message.holder} is at work on it; waiting"
            if job not in self.elsewhere:
                self.elsewhere.append(job)
                if not self.quiet:
                    self._line(waiting, with_left=False)
            self._line_if_due(waiting)
        elif isinstance(message, Step):
            self.time.step(job, message)
            name = f"{job.cell.system} {message.name}"
            done, total = message.done, message.total
            if job.cell.key not in self.running:
                self.running[job.cell.key] = self.bars.add_task(name, total=None, note="")
            bar = self.running[job.cell.key]
            self.bars.update(bar, description=name, completed=done, total=total, note=message.note)
            self._line_if_due(f"{name}: {done} of {total}")
        self.bars.update(self.cells, note=self.left())

    def finished(self, job: Job, record: Record, known: bool) -> None:
        """Show that a cell has its record."""
        cell = job.cell
        self.waiting.remove(job)
        if not known:
            self._ended(job)
        self.time.drop(job)
        self.bars.update(self.cells, advance=1, note=self.left())
        name = f"{cell.system} {cell.kind}" + (f" seed {cell.seed}" if cell.kind == "accuracy" else "")
        outcome = "on record" if known else f"{record.provenance.wall_seconds:.0f} s"
        reason = "" if record.status == "ok" else f": {one_line(record.reason)}"  # perhaps of another host's log
        if not self.quiet or record.status != "ok":
            self._line(f"{name}: {record.status}, {outcome}{reason}", with_left=not known)

    def _ended(self, job: Job) -> None:
        self.time.ended(job)
        if job.cell.key in self.running:
            self.bars.remove_task(self.running.pop(job.cell.key))

    def left(self) -> str:
        """The estimated time for the waiting cells, in words."""
        seconds = self.time.seconds()
        return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"

    def _line_if_due(self, text: str) -> None:
        if not self.quiet and not self.console.is_terminal and self.clock() - self.printed >= SILENCE_S:
            self._line(text, with_left=True)

    def _line(self, text: str, *, with_left: bool) -> None:
        cells = f"{len(self.waiting)} cell{'s' * (len(self.waiting) > 1)}"
        left = f" ({cells} to go, {self.left()})" if with_left and self.waiting else ""
        self.console.print(f"{text}{left}", markup=False, soft_wrap=True)
        self.printed = self.clock()


@contextmanager
def bar(
    stream: TextIO, title: str, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """A bar with time left for one long step, outside a terminal a line now and then; nothing if ``quiet``.

    Yields:
        The function that advances it: done, and in all.
    """
    columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=stream, highlight=False, quiet=quiet)
    printed = clock()

    def advance(done: int, total: int) -> None:
        nonlocal printed
        bars.update(task, completed=done, total=total)
        if not console.is_terminal and clock() - printed >= SILENCE_S:
            printed = clock()
            console.print(f"{title}: {done / total:.0%}", soft_wrap=True)

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None)
        yield advance
