"""The time of one call by parts: a system names the parts of its ``predict``, the cost measurement times them.

Not ``torch.profiler.record_function``: the profiler records every operator, which slows a call of many patches down and
fills the memory, and on a GPU it does not synchronise at the ends of a part.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Clock = Callable[[], float]  # seconds; waits for the device first
REST = "rest"


class _Timer:
    """Milliseconds by part of the call that is being timed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.part_ms: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = self.clock()
        try:
            yield
        finally:
            self.part_ms[name] += (self.clock() - start) * 1000


_TIMER: ContextVar[_Timer | None] = ContextVar("_TIMER", default=None)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Name a part of a system's ``predict``. It is timed inside :func:`time_parts` only; nested parts are not."""
    timer = _TIMER.get()
    if timer is None:
        yield
        return
    token = _TIMER.set(None)
    try:
        with timer.timed(name):
            yield
    finally:
        _TIMER.reset(token)


def time_parts(call: Callable[[], T], synchronise: Callable[[], Any]) -> tuple[T, dict[str, float]]:
    """Run ``call`` once.

    Args:
        call: what is run.
        synchronise: waits for the device; called at both ends of a part.

    Returns:
        The call's result, and its milliseconds by part in the order met, with the "rest" last; empty without parts.
    """

    def clock() -> float:
        synchronise()
        return time.perf_counter()

    timer = _Timer(clock)
    token = _TIMER.set(timer)
    start = clock()
    try:
        result = call()
    finally:
        _TIMER.reset(token)
    total_ms = (clock() - start) * 1000
    named = dict(timer.part_ms)
    return result, {**named, REST: total_ms - sum(named.values())} if named else {}
