"""Errors that the user can fix: one line that names the file or option and says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad usage or bad input. The command line prints the message and exits with 2."""


class UnknownNameError(UserError):
    """A system, dataset, table, profile or class that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'? " if near else ""
        listed = "'isdbench systems' lists all" if kind == "system" else f"known: {', '.join(names)}"  # 70 systems
        super().__init__(f"unknown {kind} '{name}': {hint}{listed}")
