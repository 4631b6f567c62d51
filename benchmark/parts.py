"""How the time of one call splits: a system names the parts of its ``predict``, a measurement asks for the split."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
REST = "rest"


@dataclass
class _Split:
    synchronise: Callable[[], Any]
    part_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        self.synchronise()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.synchronise()
            self.part_ms[name] += (time.perf_counter() - start) * 1000


_ASKED: ContextVar[_Split | None] = ContextVar("_ASKED", default=None)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Name a part of a system's ``predict``. Timed only inside :func:`split`; of nested parts only the outer counts."""
    asked = _ASKED.get()
    if asked is None:
        yield
        return
    token = _ASKED.set(None)
    try:
        with asked.timed(name):
            yield
    finally:
        _ASKED.reset(token)


def split(call: Callable[[], T], synchronise: Callable[[], Any]) -> tuple[T, dict[str, float]]:
    """The result of a call, and milliseconds by part in the order met, with the "rest" last; empty if it names none.

    Args:
        call: run once.
        synchronise: waits for the device; called at both ends of a part.
    """
    asked, whole = _Split(synchronise), _Split(synchronise)
    token = _ASKED.set(asked)
    try:
        with whole.timed(REST):
            result = call()
    finally:
        _ASKED.reset(token)
    named = dict(asked.part_ms)
    return result, {**named, REST: whole.part_ms[REST] - sum(named.values())} if named else {}
