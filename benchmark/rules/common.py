"""Rules about any record: its key, machine, code, times and texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from benchmark import registry
from benchmark.rules.rule import Rule
from results.cell import METRIC_VERSION
from results.record import SCHEMA_VERSION, Record
from results.values import moment

AGAIN = "measure again with 'isdbench run' and submit the file as it was written"
MARKUP = re.compile(r"<\s*[a-zA-Z/!]|javascript:", re.IGNORECASE)
LONGEST_TEXT = 20_000  # characters; the counts of one image's matrix are the longest
HEX = {"labels_hash": 64, "scored_labels_hash": 64, "weights_hash": 16, "image_confusions_hash": 12}
FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)  # before it there was no suite


def _key(record: Record) -> Iterator[str]:
    if record.schema_version < SCHEMA_VERSION:
        return  # version 1 hashed other fields
    if record.key != record.cell.key:
        yield f"key {record.key}, but its cell has {record.cell.key}"
    if record.protocol_hash != record.cell.protocol.hash:
        yield f"protocol_hash {record.protocol_hash}, but its protocol has {record.cell.protocol.hash}"


def _version(record: Record) -> Iterator[str]:
    if record.schema_version < SCHEMA_VERSION:
        yield f"schema_version {record.schema_version}; its key and hashes cannot be checked"
    if record.cell.protocol.metric_version < METRIC_VERSION:
        yield f"metric_version {record.cell.protocol.metric_version}; today's is {METRIC_VERSION}"


def _newer_metrics(record: Record) -> Iterator[str]:
    if record.cell.protocol.metric_version > METRIC_VERSION:
        yield f"metric_version {record.cell.protocol.metric_version}; today's is {METRIC_VERSION}"


def _machine(record: Record) -> Iterator[str]:
    cell, found = record.cell, record.environment
    if found.device != cell.device:
        yield f"measured on '{found.device}', but the cell is of '{cell.device}'"
    name = found.gpu if cell.device != "cpu" else found.cpu_model
    if cell.hardware and name != cell.hardware:
        yield f"measured on '{name}', but the cell is of '{cell.hardware}'"


def _libraries(record: Record) -> Iterator[str]:
    for name in ("torch", "numpy"):
        if not re.match(r"\d+\.\d+", record.environment.libraries.get(name, "")):
            yield f"no version of {name}"
    if not re.match(r"3\.\d+", record.environment.python):
        yield f"Python '{record.environment.python}'"


def _code(record: Record) -> Iterator[str]:
    made = record.provenance
    if made.git_commit is None:
        yield f"no commit: {made.git_reason or 'no reason given'}"
    elif not re.fullmatch(r"[0-9a-f]{7,40}", made.git_commit):
        yield f"'{made.git_commit}' is no commit"
    if made.git_dirty:
        yield "the code differed from its commit"


def _created(record: Record) -> Iterator[str]:
    made = moment(record.provenance.created)
    if not FIRST < made < datetime.now(timezone.utc) + timedelta(days=1):
        yield f"created {record.provenance.created}"


def _seed(record: Record) -> Iterator[str]:
    if record.provenance.seeds != {"cell": record.cell.seed}:
        yield f"seeds {record.provenance.seeds}, but the cell's is {record.cell.seed}"


def _wall(record: Record) -> Iterator[str]:
    spent = 0.0
    if record.cost:
        spent = sum(math.fsum(samples.latencies_ms) for samples in record.cost.samples) / 1000
    elif record.accuracy and not record.provenance.resumed:  # else wall_seconds is of the last process
        spent = record.accuracy.train_seconds + record.accuracy.evaluate_seconds / record.cell.devices
    if record.provenance.wall_seconds < 0.99 * spent:
        yield f"wall_seconds {record.provenance.wall_seconds:.1f}, but its parts took {spent:.1f} s"


def _texts(record: Record) -> Iterator[str]:
    for where, text in _strings(record.model_dump()):
        if MARKUP.search(text):
            yield f"{where} holds markup"
        elif any(not character.isprintable() for character in text.replace("\n", "")):
            yield f"{where} holds control characters"
        elif len(text) > LONGEST_TEXT:
            yield f"{where} has {len(text)} characters"


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"a name in {where or 'the record'}", str(name)
            yield from _strings(inner, f"{where}.{name}".lstrip("."))
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _strings(inner, where)


def _hashes(record: Record) -> Iterator[str]:
    values = record.accuracy or record.cost
    for name, digits in HEX.items():
        text = getattr(values, name, None)
        if text and not re.fullmatch(f"[0-9a-f]{{{digits}}}", text):
            yield f"{name} is not {digits} hex digits"


def _known(record: Record) -> Iterator[str]:
    if record.cell.system.partition("(")[0] not in registry.cards():
        yield f"no system '{record.cell.system}' in this installation"
    if record.cell.dataset not in registry.datasets():
        yield f"no dataset '{record.cell.dataset}' in this installation"
    for package in record.provenance.packages:
        yield f"its system is of another package: {package}"


def _status(record: Record) -> Iterator[str]:
    if record.status in ("failed", "unavailable"):
        yield f"status {record.status}"
    if record.status != "ok" and not record.reason:
        yield f"status {record.status} without a reason"


RULES = (
    Rule("key", "key and hashes name the cell: an edited cell or protocol has others", AGAIN, _key),
    Rule("old-version", "tables do not mix versions of the metrics", AGAIN, _version, refuses=False),
    Rule("new-version", "a version that does not exist yet", "rebase on the newest main", _newer_metrics),
    Rule("machine", "the cell names the machine that made it", AGAIN, _machine),
    Rule("libraries", "values depend on the libraries", AGAIN, _libraries),
    Rule("code", "others must find the code that measured", "commit, then measure again", _code, refuses=False),
    Rule("created", "it was made before it was submitted", "set the machine's clock, measure again", _created),
    Rule("seed", "the seed in the cell is the one that was used", AGAIN, _seed),
    Rule("wall-time", "the whole takes longer than its parts", AGAIN, _wall),
    Rule("text", "a field holds words, no markup and no control characters", AGAIN, _texts),
    Rule("hash", "hashes are hex digits of a known length", AGAIN, _hashes),
    Rule("known", "system and dataset are in the suite", "submit the system or dataset first", _known, refuses=False),
    Rule("outcome", "only a value or 'oom' says something about a system", "leave it out", _status),
)
