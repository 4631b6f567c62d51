"""The table object: what a table says, independent of any format. Every writer renders this same object."""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

RATIO_LABEL = "ours / paper"  # of a column
REFERENCE = "reference"  # fidelity of a system that is no method
VERIFIED_CODE = "verified-code"  # the code is a verified port, the settings for the dataset are ours
Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class SystemFacts:
    """What a report needs to know about a system; the caller fills it from the system's card.

    ``rows`` are the rows of the paper that it feeds ("table1/unet-local"). Where several systems feed one row, the
    first in the caller's order is the main one.
    """

    name: str
    title: str
    fidelity: str
    parameters: int
    remark: str = ""  # a warning that belongs next to its rows
    rows: tuple[str, ...] = ()
    source: str = ""  # library and configuration, or repository
    assumptions: tuple[str, ...] = ()  # what the paper leaves open and what was assumed
    configured_for: tuple[str, ...] = ()  # of a verified port: datasets with a configuration by its authors

    def fidelity_on(self, dataset: str) -> str:
        """The fidelity in a table of a dataset: a verified port without a configuration for it is `verified-code`."""
        ported = self.fidelity == "verified-port"
        return VERIFIED_CODE if ported and dataset not in self.configured_for else self.fidelity


@dataclass(frozen=True)
class Cell:
    """One value of a table, or the reason why it is missing.

    ``status`` is "ok" where we have a value; "printed" or "not printed" for the paper's column; "quoted" for a value
    that the paper copied from elsewhere, which is neither ranked nor compared; otherwise the reason in a word: "not
    yet" (no such system), "not run", "no value" (the probe could not read it), "reference" (such a row has no cost),
    "oom", "failed", "unavailable".
    """

    text: str = ""
    spread: str = ""  # "[0.83, 0.87]" or "± 0.56 (n = 3)" or "(n = 1)"
    status: str = ""
    value: float | None = None
    low: float | None = None  # 95 % interval; None where there is none
    high: float | None = None
    n: int = 0  # records behind the value
    records: tuple[str, ...] = ()  # their keys
    protocol: str = ""  # hash of their protocol
    paper: float | None = None  # the printed value next to it
    mark: Mark = ""  # within its column; see `reports.tables.marks`


@dataclass(frozen=True)
class Column:
    """A column of values: neighbours share a ``head`` (quantity, arrow, unit) and differ in their ``label``."""

    name: str  # "fps_ours": unique, for machines
    head: str
    label: str


@dataclass(frozen=True)
class Row:
    """One row; ``cells`` are parallel to the table's columns. ``alternative``: another system for the row above."""

    row: str  # slug of the printed row; empty for an added system
    group: str
    method: str
    system: str  # empty where there is none yet
    fidelity: str
    cells: tuple[Cell, ...]
    alternative: bool = False
    source: str = ""  # library and configuration, or repository, of the system
    assumptions: tuple[str, ...] = ()  # assumptions where the paper leaves something open
    remarked: bool = False  # one of the table's notes is about the system

    @property
    def is_reference(self) -> bool:
        """Whether it is no method but shows what a score means: without rank, mark and cost."""
        return self.fidelity == REFERENCE

    @property
    def label(self) -> str:
        """The printed method, or the system's name if it is an alternative, or both if it was added.

        An asterisk points to a note about the system.
        """
        name = self.method if self.row or self.method == self.system else f"{self.method} ({self.system})"
        return (self.system if self.alternative else name) + "*" * self.remarked


@dataclass(frozen=True)
class Table:
    """A complete table. All text is plain and computed from the records."""

    name: str  # "table1", the stem of its files
    title: str
    caption: tuple[str, ...]  # two lines: what ours were measured on; how far they compare with the paper's
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    setup: tuple[str, ...] = ()  # how ours were measured and defined
    notes: tuple[str, ...] = ()  # about single systems
    untrained: bool = False  # whether its accuracy is that of nets that were hardly trained
    faithful: bool = True  # whether its costs are of the systems as their authors made them, in torch
    setting: str = ""  # of ours: dataset, image size, machine, profile; tells tables of one subject apart

    def without(self, columns: Collection[Column]) -> Table:
        """The table without some of its columns."""
        kept = [index for index, column in enumerate(self.columns) if column not in columns]
        rows = tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in self.rows)
        return replace(self, columns=tuple(self.columns[index] for index in kept), rows=rows)

    @property
    def standing(self) -> tuple[bool, bool, int]:
        """The greatest belongs to the table to show first: faithful costs, trained nets, then the most values."""
        return self.faithful, not self.untrained, sum(cell.value is not None for row in self.rows for cell in row.cells)

    @property
    def details(self) -> list[tuple[str, tuple[str, ...]]]:
        """What the caption has no room for: headings, each with its lines."""
        systems = [row for row in self.rows if row.system]
        sources = tuple(f"{row.system}: {row.source}" for row in systems if row.source)
        assumed = tuple(f"{row.system}: {'; '.join(row.assumptions)}" for row in systems if row.assumptions)
        parts = {
            "How ours were measured": self.setup,
            "Notes": self.notes,
            "Sources": sources,
            "Assumptions where the paper leaves something open": assumed,
        }
        return [(heading, lines) for heading, lines in parts.items() if lines]

    @property
    def sections(self) -> list[tuple[str, list[Row]]]:
        """The rows under their group's heading, in order; the heading may be empty."""
        return [(group, list(rows)) for group, rows in itertools.groupby(self.rows, lambda row: row.group)]

    @property
    def heads(self) -> list[tuple[str, int]]:
        """Each head with the number of neighbouring columns that share it."""
        return [(head, len(list(same))) for head, same in itertools.groupby(column.head for column in self.columns)]


_FIDELITY_CODES = {"verified-port": "P", VERIFIED_CODE: "C", "library": "L", "reimplemented": "R"}
FIDELITY_LEGEND = "F (fidelity): " + ", ".join(f"{code} = {name}" for name, code in _FIDELITY_CODES.items()) + "."


def fidelity_code(fidelity: str) -> str:
    """One letter for a fidelity class, for narrow tables; none for a reference row, "?" for an unknown class."""
    return _FIDELITY_CODES.get(fidelity, "" if fidelity in ("", REFERENCE) else "?")


def plain(text: str) -> str:
    """Text on one line, without control and invisible characters: they could steer a terminal or deceive a reader."""
    kept = (character if character.isprintable() else " " for character in unicodedata.normalize("NFC", text))
    return " ".join("".join(kept).split())


def counted(count: int, things: str) -> str:
    """A number of things: "1,234 skipped crops", "1 pass"; ``things`` is the plural."""
    singular = things.removesuffix("es") if things.endswith(("sses", "ches")) else things.removesuffix("s")
    return f"{count:,} {singular if count == 1 else things}"


def significant(value: float, digits: int = 3) -> str:
    """A number with this many significant digits and no exponent: 0.0123, 1.23, 12.3, 1234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
