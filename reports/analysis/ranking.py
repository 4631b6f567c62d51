"""Ranking of a table's systems by accuracy; systems tie where their difference is not resolved."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.tables.table import Table
from results.analysis.paired import Paired, paired
from results.analysis.statistics import ranks
from results.record import Record

COLUMN = "miou_paper_ours"


@dataclass(frozen=True)
class Standing:
    """A system's place. ``behind``: its difference from the highest accuracy; None for the highest itself."""

    system: str
    rank: int  # one more than the systems that are better and resolved
    miou_paper: float
    n: int  # seeds
    behind: Paired | None


@dataclass(frozen=True)
class Ranking:
    """The systems of one table that have an accuracy, by rank, and how many of their pairs are resolved."""

    title: str
    standings: tuple[Standing, ...]
    pairs: int
    resolved: int


def rankings(tables: Sequence[Table], records: Sequence[Record]) -> tuple[Ranking, ...]:
    """One for each table with the accuracy of two or more trained nets; tables of the same records share one."""
    in_time = sorted(records, key=lambda record: record.provenance.created)
    known = {record.key: record for record in in_time if record.accuracy}  # the newest of repeats, as in the tables
    found: dict[tuple[tuple[str, ...], ...], Ranking] = {}
    for table in tables:
        entries = _entries(table, known)
        if len(entries) > 1:
            found.setdefault(tuple(keys for _, _, keys in entries), _ranking(table.title, entries, known))
    return tuple(found.values())


_Entry = tuple[str, float, tuple[str, ...]]  # system, accuracy, keys of its records


def _entries(table: Table, known: Mapping[str, Record]) -> list[_Entry]:
    index = next((index for index, column in enumerate(table.columns) if column.name == COLUMN), None)
    cells = [(row.system, row.cells[index]) for row in table.rows if not row.is_reference] if index is not None else []
    entries = [
        (system, cell.value, tuple(key for key in cell.records if key in known))
        for system, cell in cells
        if cell.value is not None
    ]
    return sorted(entries, key=lambda entry: -entry[1])


def _ranking(title: str, entries: Sequence[_Entry], known: Mapping[str, Record]) -> Ranking:
    sets = [[known[key] for key in keys] for _, _, keys in entries]
    numbers = range(len(entries))
    differences = {(a, b): paired(sets[a], sets[b]) for a, b in itertools.combinations(numbers, 2)}

    def beats(one: str, other: str) -> bool:
        a, b = int(one), int(other)
        found = differences[min(a, b), max(a, b)]
        return found is not None and found.resolved and (found.difference > 0) == (a > b)

    places = ranks([str(number) for number in numbers], beats)
    standings = tuple(
        Standing(system, places[str(number)], value, len(sets[number]), differences.get((0, number)))
        for number, (system, value, _) in enumerate(entries)
    )
    resolved = sum(found is not None and found.resolved for found in differences.values())
    by_rank = tuple(sorted(standings, key=lambda standing: standing.rank))
    return Ranking(title, by_rank, len(differences), resolved)
