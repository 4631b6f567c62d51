"""The table object: what a table says, free of any format. Every writer renders this same object."""

from __future__ import annotations

import itertools
import math
import unicodedata
from dataclasses import dataclass
from typing import Literal

RATIO_LABEL = "ours / paper"  # of a column
Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class SystemFacts:
    """What a report needs to know of a system, filled from its card by the caller.

    ``rows`` are the rows of the paper that it feeds ("table1/unet-local"). Of several systems that feed one row, the
    first in the caller's order is the main one.
    """

    name: str
    title: str
    fidelity: str
    parameters: int
    remark: str = ""  # what must stand beside its rows
    rows: tuple[str, ...] = ()
    source: str = ""  # library and configuration, or repository
    assumptions: tuple[str, ...] = ()  # what the paper leaves open, what was chosen


@dataclass(frozen=True)
class Cell:
    """One figure of a table, or why there is none.

    ``status`` is "ok" where there is a figure, "printed" or "not printed" for the paper's own, "quoted" for what the
    paper did not measure itself, which is ranked and compared with nothing, else the reason in a word: "not yet" (no
    such system), "not run", "no figure" (the probe was absent), "oom", "failed", "unavailable".
    """

    text: str = ""
    spread: str = ""  # "[0.83, 0.87]" or "± 0.56 (n = 3)" or "(n = 1)"
    status: str = ""
    value: float | None = None
    low: float | None = None  # ends of what `spread` shows
    high: float | None = None
    n: int = 0  # records that the figure rests on
    records: tuple[str, ...] = ()  # their keys
    protocol: str = ""  # hash of their protocol
    paper: float | None = None  # the printed figure that it stands beside
    mark: Mark = ""  # among the figures of its column; see `reports.tables.marks`


@dataclass(frozen=True)
class Column:
    """A column of figures: ``head`` is shared by neighbours and has unit and arrow, ``label`` tells them apart."""

    name: str  # "fps_ours": unique, with the definition, for machines
    head: str
    label: str


@dataclass(frozen=True)
class Row:
    """One row; ``cells`` are parallel to the table's columns. ``alternative``: a further system for the row above."""

    row: str  # slug of the printed row; empty for an added system
    group: str
    method: str
    system: str  # empty where there is none yet
    fidelity: str
    cells: tuple[Cell, ...]
    alternative: bool = False
    source: str = ""  # library and configuration, or repository, of the system
    assumptions: tuple[str, ...] = ()  # of the system, where the paper leaves something open
    remarked: bool = False  # one of the table's notes is about the system

    @property
    def label(self) -> str:
        """The method; of a further system its name, and of an added one both. An asterisk where a note says more."""
        name = self.method if self.row or self.method == self.system else f"{self.method} ({self.system})"
        return (self.system if self.alternative else name) + "*" * self.remarked


@dataclass(frozen=True)
class Table:
    """A whole table. ``caption`` and ``notes`` are plain text, computed from the records."""

    name: str  # "table1", the stem of its files
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def sections(self) -> list[tuple[str, list[Row]]]:
        """The rows under their group's heading, in order; the heading may be empty."""
        return [(group, list(rows)) for group, rows in itertools.groupby(self.rows, lambda row: row.group)]

    @property
    def heads(self) -> list[tuple[str, int]]:
        """The heads that columns share, each with the number of its columns."""
        return [(head, len(list(same))) for head, same in itertools.groupby(column.head for column in self.columns)]


_FIDELITY_CODES = {"official-weights": "W", "verified-port": "P", "library": "L", "reimplemented": "R"}
FIDELITY_LEGEND = "F (fidelity): " + ", ".join(f"{code} = {name}" for name, code in _FIDELITY_CODES.items()) + "."


def fidelity_code(fidelity: str) -> str:
    """One letter for a fidelity class, where a table has no room for the word; "?" for a class of no known name."""
    return _FIDELITY_CODES.get(fidelity, "?" if fidelity else "")


def plain(text: str) -> str:
    """Text on one line, without control and invisible characters, which could steer a terminal or deceive a reader."""
    kept = (character if character.isprintable() else " " for character in unicodedata.normalize("NFC", text))
    return " ".join("".join(kept).split())


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and never an exponent: 0.0123, 1.23, 12.3, 1234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
