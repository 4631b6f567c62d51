"""``isdbench plan table1 ...``: what ``run`` with the same words would measure, how long it takes, in which order."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchmark.commands import run
from benchmark.commands.chosen import neutral_table
from benchmark.commands.options import positive
from benchmark.commands.requests import check_table_options, store_of
from results.paper import paper_table

if TYPE_CHECKING:
    from benchmark.run.job import Job
    from benchmark.run.schedule import Placed

HOUR = 3600.0


@dataclass(frozen=True)
class Line:
    """One cell of a plan."""

    system: str
    kind: str
    seed: int
    hours: float  # estimated; 0 where the cell is on record
    memory_mib: float | None  # of one prediction, from the system's record at the nearest size; None without one
    machine: int | None  # that runs it; None where it is on record
    start_hours: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of ``run``, and how many machines there are."""
    run.add_table_arguments(parser)
    parser.add_argument("--machines", type=positive, default=1, metavar="N", help="that share the cells (1)")
    parser.add_argument("--json", action="store_true", help="the plan as JSON")


def main(args: argparse.Namespace) -> int:
    """Print the plan. Nothing is measured."""
    from benchmark.commands.progress import Display
    from benchmark.run.durations import durations_of, steps
    from benchmark.run.schedule import Task, chains, schedule
    from benchmark.run.time_left import share_of_machine

    check_table_options(args)
    store = store_of(args)
    with Display(sys.stderr) as display:
        tables = [paper_table(name) for name in args.tables or [neutral_table(args)]]
        jobs = {job.cell.key: job for table in tables for job in run.plan_table(args, table, display)}
    ahead = [job for job in jobs.values() if not store.find(job.cell.key)]
    durations = durations_of(ahead, store.folder)
    tasks = []
    for job in ahead:
        seconds = sum(sum(process.values()) for process in steps(job, durations))
        tasks.append(Task(job.cell.key, seconds * share_of_machine(job), job.cell.base_key))
    placed = {one.key: one for one in schedule(tasks, args.machines)}
    lines = [_line(job, placed.get(job.cell.key), durations.memory_mib(job)) for job in jobs.values()]
    lines.sort(key=lambda line: (line.start_hours is None, line.start_hours or 0.0))
    totals = {
        "cells": len(jobs),
        "on_record": len(jobs) - len(ahead),
        "machine_hours": sum(task.seconds for task in tasks) / HOUR,
        "machines": args.machines,
        "hours": max((one.end_s for one in placed.values()), default=0.0) / HOUR,
        "longest_chain_hours": max(chains(tasks).values(), default=0.0) / HOUR,
    }
    if args.json:
        print(json.dumps({**totals, "plan": [asdict(line) for line in lines]}, indent=1))
    else:
        _print(lines, totals)
    return 0


def _line(job: Job, placed: Placed | None, memory_mib: float | None) -> Line:
    facts = (job.cell.system, job.cell.kind, job.cell.seed)
    if placed is None:
        return Line(*facts, 0.0, memory_mib, None, None)
    return Line(*facts, (placed.end_s - placed.start_s) / HOUR, memory_mib, placed.machine, placed.start_s / HOUR)


def _print(lines: list[Line], totals: dict[str, float]) -> None:
    from tabulate import tabulate

    cells = [
        (
            *(line.system, line.kind, line.seed),
            "on record" if line.machine is None else _time(line.hours),
            "" if line.memory_mib is None else f"{line.memory_mib:.0f}",
            "" if line.machine is None else line.machine + 1,
            "" if line.start_hours is None else _time(line.start_hours),
        )
        for line in lines
    ]
    print(tabulate(cells, headers=("system", "kind", "seed", "takes", "memory (MiB)", "machine", "starts at")))
    print(
        f"\nCells: {totals['cells']:.0f}, on record: {totals['on_record']:.0f}. To do: "
        f"{_time(totals['machine_hours'])} of one machine; {_time(totals['hours'])} on {totals['machines']:.0f}. "
        f"No number of machines takes less than {_time(totals['longest_chain_hours'])}, the longest chain of cells.\n"
        "Times come from earlier records of the systems, or from their FLOPs; memory is that of one prediction."
    )


def _time(hours: float) -> str:
    """A duration to two figures or three."""
    seconds = hours * HOUR
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if hours < 2 else f"{hours:.1f} h"
