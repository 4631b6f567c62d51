"""Errors that the user can fix: one line that names the file or option and says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def _letters(word: str) -> str:
    """A name without its digits: "figure2" is no slip of the pen for "figure6"."""
    return re.sub(r"\d", "", word)


class UserError(Exception):
    """Bad usage or bad input. The command line prints the message and exits with 2."""


class UnknownNameError(UserError):
    """A system, dataset, table, profile or class that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = [word for word in difflib.get_close_matches(name, names) if _letters(word) != _letters(name)][:1]
        hint = f"did you mean '{near[0]}'? " if near else ""
        listed = "'isdbench systems' lists all" if kind == "system" else f"known: {', '.join(names)}"  # 70 systems
        super().__init__(f"unknown {kind} '{name}': {hint}{listed}")
