"""A rule, and what it finds in a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from results.record import Record

Check = Callable[[Record], Iterator[str]]  # one line for each fault


@dataclass(frozen=True)
class Rule:
    """One thing that holds for every honest record."""

    id: str
    reason: str  # why it must hold
    fix: str
    check: Check | None = None  # None: it is about files, and checked where they are read
    refuses: bool = True  # False: a person has to look at it


@dataclass(frozen=True)
class Finding:
    """A rule that a file does not keep."""

    rule: Rule
    what: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rule = self.rule
        return {"rule": rule.id, "refused": rule.refuses, "what": self.what, "reason": rule.reason, "fix": rule.fix}
