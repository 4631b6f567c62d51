"""In which order cells are best run on some machines, and how long that takes: the longest chain first.

A machine runs one cell at a time, and a cell waits for the one whose trained weights it starts from. Taking the cell at
the head of the longest chain of waiting cells is at most twice as long as the best order (Graham, 1966).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A cell to be placed."""

    key: str
    seconds: float
    needs: str = ""  # key of the cell that must be done before; one that is no task counts as done


@dataclass(frozen=True)
class Placed:
    """When and where a cell runs."""

    key: str
    machine: int
    start_s: float
    end_s: float


def schedule(tasks: Sequence[Task], machines: int) -> list[Placed]:
    """The cells in the order in which they start."""
    followers: dict[str, list[Task]] = {}
    known = {task.key for task in tasks}
    for task in tasks:
        if task.needs in known:
            followers.setdefault(task.needs, []).append(task)
    length = chains(tasks)
    ready = [(-length[task.key], place, task) for place, task in enumerate(tasks) if task.needs not in known]
    heapq.heapify(ready)
    places = {task.key: place for place, task in enumerate(tasks)}
    free, now = list(range(machines)), 0.0
    running: list[tuple[float, int, str]] = []  # when a cell ends, its machine, its key
    placed: list[Placed] = []
    while ready or running:
        while ready and free:
            _, _, task = heapq.heappop(ready)
            machine = heapq.heappop(free)
            placed.append(Placed(task.key, machine, now, now + task.seconds))
            heapq.heappush(running, (now + task.seconds, machine, task.key))
        now, machine, done = heapq.heappop(running)
        heapq.heappush(free, machine)
        for task in followers.get(done, ()):
            heapq.heappush(ready, (-length[task.key], places[task.key], task))
    return placed


def chains(tasks: Iterable[Task]) -> dict[str, float]:
    """Seconds from the start of each cell to the end of the longest chain of cells that wait for it."""
    by_key = {task.key: task for task in tasks}
    found = {key: task.seconds for key, task in by_key.items()}
    for task in by_key.values():
        total, needed = found[task.key], by_key.get(task.needs)
        while needed and total + needed.seconds > found[needed.key]:
            total += needed.seconds
            found[needed.key] = total
            needed = by_key.get(needed.needs)
    return found
