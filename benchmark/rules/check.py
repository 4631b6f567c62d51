"""Checks files by all rules, those about one file and those about several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmark.rules import accuracy, common, cost
from benchmark.rules.rule import Finding, Rule
from results.record import Record
from results.store import SUPERSEDED, RecordError, file_stem, one_line, read_record

SCHEMA = Rule(
    "schema",
    "a record has the fields of results/record.schema.json, with values that a measurement can give",
    common.AGAIN,
)
NAME = Rule("name", "the file name says kind, system and key", "give the file its name back")
COPY = Rule("copy", "two measurements do not have the same samples", "submit each measurement once")
TAKEN_BACK = Rule("superseded", "a record that was taken back does not count", "leave it out")
RULES = (SCHEMA, NAME, COPY, TAKEN_BACK, *common.RULES, *cost.RULES, *accuracy.RULES)


def check(files: Sequence[Path], beside: Iterable[Record] = ()) -> dict[Path, list[Finding]]:
    """What each file does not keep; nothing for an honest record.

    Args:
        files: to check.
        beside: records of before, of which no file may be a copy.
    """
    found: dict[Path, list[Finding]] = {}
    known = {samples: "a record of before" for record in beside for samples in _samples(record)}
    for path in files:
        try:
            record = read_record(path)
        except RecordError as error:
            found[path] = [Finding(SCHEMA, str(error).removeprefix(f"{one_line(str(path))}: "))]
            continue
        found[path] = [*_of_file(path, record), *_of_copies(record, known), *_of_record(record)]
        known |= dict.fromkeys(_samples(record), path.name)
    return found


def _of_record(record: Record) -> list[Finding]:
    checks = ((rule, rule.check) for rule in RULES if rule.check)
    return [Finding(rule, one_line(what)) for rule, check in checks for what in check(record)]


def _of_file(path: Path, record: Record) -> list[Finding]:
    stem, mark = file_stem(record), path.with_name(path.name + SUPERSEDED)
    named = [] if path.name.startswith(f"{stem}-") else [Finding(NAME, f"the name must begin with {stem}")]
    return [*named, Finding(TAKEN_BACK, f"see {mark.name}")] if mark.is_file() else named


def _of_copies(record: Record, known: Mapping[tuple[float, ...], str]) -> list[Finding]:
    return [Finding(COPY, f"its samples are those of {known[one]}") for one in _samples(record) if one in known]


def _samples(record: Record) -> list[tuple[float, ...]]:
    return [samples.latencies_ms for samples in record.cost.samples] if record.cost else []
