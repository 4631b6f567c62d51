"""Two sets of records compared: cells are paired by everything except code and time; one overall verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from results.analysis.changes import Change, Verdict, changes
from results.cell import Model
from results.errors import UserError
from results.record import Record
from results.store import Store, read_record
from results.values import moment

_IDENTITY = (
    "kind",
    "system",
    "dataset",
    "paper_dataset",
    "recipe",
    "profile",
    "imagenet",
    "device",
    "split",
    "split_hash",
)
_CODE = ("card_hash", "recipe_hash", "profile_hash")  # of settings in the code: they may differ, and a note says so
Identity = tuple[object, ...]


class ComparisonError(UserError):
    """The two sides were not measured under the same conditions."""


class CellChange(Model):
    """One cell that both sides have."""

    kind: str
    system: str
    dataset: str
    size: str  # height x width of the image that enters the system
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()  # other differences


class Comparison(Model):
    """All cells and the overall verdict: ``fail`` only if a regression is certain."""

    verdict: Literal["pass", "fail", "inconclusive"]
    cells: tuple[CellChange, ...]
    missing: tuple[str, ...]  # cells that only the base has
    added: tuple[str, ...]  # cells that only the head has


def load(path: Path, option: str) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records in a folder or file, and a line for every file of the folder that is not a record.

    ``option`` names the path in errors, as on the command line.

    Raises:
        UserError: there is no such folder, or no record in it.
    """
    if path.is_file():
        return (read_record(path),), ()
    contents = Store(path, option).read()
    if not contents.records:
        raise UserError(f"{option} {path}: holds no record; create some with 'isdbench run' or 'isdbench measure'")
    return contents.records, contents.problems


def compare(base: Sequence[Record], head: Sequence[Record], noise: Sequence[Record] = ()) -> Comparison:
    """Compare every cell that both sides have.

    Args:
        base: records of the old code.
        head: records of the new code.
        noise: more records of the old code; their difference from ``base`` is the noise floor.

    Raises:
        ComparisonError: a system was measured under another protocol or on other hardware on each side.
    """
    before, after = _cells(base), _cells(head)
    _refuse_unlike(before, after)
    floors = _floors(before, _cells(noise))
    cells = tuple(_cell(before[key], after[key], floors) for key in before if key in after)
    missing = tuple(_name(before[key][0]) for key in before if key not in after)
    added = tuple(_name(after[key][0]) for key in after if key not in before)
    verdicts = {change.verdict for cell in cells for change in cell.changes}
    return Comparison(
        verdict=_overall(verdicts, whole=bool(cells) and not missing), cells=cells, missing=missing, added=added
    )


def _overall(verdicts: Iterable[Verdict], *, whole: bool) -> Literal["pass", "fail", "inconclusive"]:
    """One verdict for all; cells that the head lacks make it inconclusive."""
    found = set(verdicts)
    if "regression" in found:
        return "fail"
    return "pass" if whole and "inconclusive" not in found else "inconclusive"


def _identity(record: Record) -> Identity:
    return tuple(getattr(record.cell, field) for field in _IDENTITY)


def _conditions(record: Record) -> dict[str, object]:
    """What must be equal for values to be comparable."""
    environment = record.environment
    on_cpu = record.cell.device == "cpu"
    hardware = environment.cpu_model if on_cpu else environment.gpu
    allocator = {"host_allocator": environment.host_allocator} if on_cpu else {}
    return {"hardware": hardware, **allocator, **record.cell.protocol.model_dump(mode="json")}


def _cells(records: Iterable[Record]) -> dict[Identity, list[Record]]:
    """Records by cell, in the order of creation; different seeds are one cell."""

    def key(record: Record) -> Identity:
        return (*_identity(record), str(_conditions(record)))

    def place(record: Record) -> tuple[str, float]:
        return str(key(record)), moment(record.provenance.created).timestamp()

    return {cell: list(members) for cell, members in groupby(sorted(records, key=place), key)}


def _refuse_unlike(before: Mapping[Identity, list[Record]], after: Mapping[Identity, list[Record]]) -> None:
    """Refuse two sides that both have records of a system, but none under the same conditions."""
    paired = {key[:-1] for key in before if key in after}
    theirs = {key[:-1]: records[0] for key, records in after.items()}
    for key, records in before.items():
        other = theirs.get(key[:-1])
        if other is not None and key[:-1] not in paired:
            ours, unlike = _conditions(records[0]), _conditions(other)
            field = next(name for name in ours if ours[name] != unlike[name])
            raise ComparisonError(
                f"'{records[0].cell.system}' ({records[0].cell.kind}): {field} is {ours[field]} in BASE and "
                f"{unlike[field]} in HEAD; measure both in the same way, or compare other records"
            )


def _floors(before: Mapping[Identity, list[Record]], noise: Mapping[Identity, list[Record]]) -> dict[str, float]:
    """The largest change of each measure over all cells that base and noise share."""
    floors: dict[str, float] = {}
    for key in before:
        for change in changes(before[key], noise[key], {}) if key in noise else ():
            if change.change is not None:
                floors[change.measure] = max(floors.get(change.measure, 0.0), abs(change.change))
    return floors


def _cell(base: Sequence[Record], head: Sequence[Record], floors: Mapping[str, float]) -> CellChange:
    cell, other = base[-1].cell, head[-1].cell
    notes = [f"{field.partition('_')[0]} differs" for field in _CODE if getattr(cell, field) != getattr(other, field)]
    libraries, others = base[-1].environment.libraries, head[-1].environment.libraries
    notes += [
        f"{name} {libraries.get(name, 'none')} -> {others.get(name, 'none')}"
        for name in sorted({*libraries, *others})
        if libraries.get(name) != others.get(name)
    ]
    return CellChange(
        kind=cell.kind,
        system=cell.system,
        dataset=cell.dataset,
        size=_size(base[-1]),
        changes=changes(base, head, floors),
        notes=tuple(notes),
    )


def _size(record: Record) -> str:
    return f"{record.cell.protocol.height}x{record.cell.protocol.width}"


def _name(record: Record) -> str:
    return f"{record.cell.system} ({record.cell.kind}, {record.cell.dataset}, {_size(record)})"
