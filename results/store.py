"""The record store: a folder with one JSON file per record, written atomically and never overwritten.

A record is written to a hidden temporary file and then renamed, so that neither a full disk nor a kill leaves half a
record. File names are ``<kind>-<system>-<key>-<random>.json``, so that writers on several hosts need no lock. A record
that has a file ``<name>.superseded`` beside it, see :mod:`results.upkeep`, no longer counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from results.errors import UserError
from results.record import SCHEMA_VERSION, Record, Status
from results.values import moment

LARGEST_BYTES = 2**25  # hundreds of times what a record of the largest dataset has
SUPERSEDED = ".superseded"  # after the name of a record that no longer counts
DONE: tuple[Status, ...] = ("ok", "oom")


class StoreError(UserError):
    """The folder of records cannot be read or written."""


class RecordError(UserError):
    """A file is not a record, or one that this version cannot read; the message names the file."""


@dataclass(frozen=True)
class Contents:
    """What a folder holds: the records, and one line for each JSON file that is not a record."""

    records: tuple[Record, ...]
    problems: tuple[str, ...]


class Store:
    """The records in one folder. The folder need not exist before the first ``append``.

    Args:
        folder: of the records.
        option: the command line option that names the folder, for errors.
        warn: told of each bad file among the records of a cell.
    """

    def __init__(self, folder: Path, option: str = "--records", warn: Callable[[str], None] = lambda _: None) -> None:
        self.folder = Path(folder)
        self.where = f"{option} {folder}"
        self.warn = warn

    def ensure_writable(self) -> None:
        """Create the folder and write to it once, so that a run fails before its first measurement, not after it.

        Raises:
            StoreError: the folder cannot be created or written.
        """
        with self._writing(), self._complete_file(b"probe"):
            pass

    def append(self, record: Record) -> Path:
        """Write one record to a new file and return its path.

        Raises:
            StoreError: the folder cannot be written or the disk is full; the folder stays as it was.
            ValueError: the record's key or hash is not that of its cell, or a value in it is not finite.
        """
        data = _checked_json(record)
        with self._writing(), self._complete_file(data) as complete:
            path = self.folder / f"{file_stem(record)}-{secrets.token_hex(4)}.json"
            complete.replace(path)
        self._sync_folder()
        return path

    def find(self, key: str) -> Record | None:
        """The newest record of a cell that need not be run again: "ok", or "oom", which would not change.

        Unreadable files count as absent and are named to ``warn``.
        """
        found = self.newest(key, DONE)
        return read_record(found) if found else None

    def newest(self, key: str, statuses: tuple[Status, ...] = get_args(Status)) -> Path | None:
        """The file of the newest record of a cell with one of these statuses."""
        found: list[tuple[datetime, str]] = []
        for path in self._files(f"-{key}-"):
            try:
                record = read_record(path)
            except RecordError as error:
                self.warn(str(error))
                continue
            if record.cell.key == key and record.status in statuses:
                found.append((moment(record.provenance.created), path.name))
        return self.folder / max(found)[1] if found else None

    def all(self) -> list[Record]:
        """Every readable record, in the order of the file names."""
        return list(self.read().records)

    def read(self) -> Contents:
        """Every readable record, and the problem with every other JSON file.

        Raises:
            StoreError: the folder does not exist or cannot be listed.
        """
        if not self.folder.is_dir():
            raise StoreError(f"{self.where}: no such folder; create records with 'isdbench run' first")
        records, problems = [], []
        for path in self._files():
            try:
                records.append(read_record(path))
            except RecordError as error:
                problems.append(str(error))
        return Contents(tuple(records), tuple(problems))

    def _files(self, part: str = "") -> list[Path]:
        try:
            names = os.listdir(self.folder)  # noqa: PTH208  # several times faster than iterdir on 10,000 files
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.where}: cannot be listed: {error.strerror}") from error
        gone = {name.removesuffix(SUPERSEDED) for name in names if name.endswith(SUPERSEDED)}
        return [self.folder / name for name in sorted(names) if _is_record_name(name, part) and name not in gone]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            advice = "free some space or choose another folder with --records; the records stored before are intact"
            raise StoreError(f"{self.where}: cannot write: {error.strerror}; {advice}") from error

    @contextlib.contextmanager
    def _complete_file(self, data: bytes) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self.folder)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        with contextlib.suppress(OSError):  # some file systems cannot; the record itself is already on disk
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def file_stem(record: Record) -> str:
    """How the name of a record's file begins, whatever the system is called."""
    return f"{record.cell.kind}-{safe_name(record.cell.system)}-{record.key}"


def safe_name(system: str) -> str:
    """A system's name as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._+]+", "_", system)[:80]


def read_record(path: Path) -> Record:
    """The record in a file; one of version 1 is upgraded, see :mod:`results.upgrade`.

    Raises:
        RecordError: the file is unreadable, truncated, of a newer version or not a record.
    """
    data = _content(path)
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        raise RecordError(one_line(f"{path}: {_explain(data, error)}; move it out of the folder")) from error
    if record.schema_version > SCHEMA_VERSION:
        raise RecordError(one_line(f"{path}: {_newer(record.schema_version)}"))
    return record


def _content(path: Path) -> bytes:
    """The bytes of a file that may be anything: a folder, a device, larger than the memory."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise RecordError(one_line(f"{path}: is not a plain file; move it out of the folder"))
        if found.st_size > LARGEST_BYTES:
            size = f"{found.st_size / 2**20:.0f} MiB, more than any record"
            raise RecordError(one_line(f"{path}: has {size}; move it out of the folder"))
        return path.read_bytes()
    except OSError as error:
        raise RecordError(one_line(f"{path}: cannot be read: {error.strerror}")) from error


def one_line(text: str, longest: int = 500) -> str:
    """Text from a file of somebody else as one line for a terminal: no control characters, not endless."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= longest else f"{plain[:longest]}..."


def _explain(data: bytes, error: ValidationError) -> str:
    if not data.strip():
        return "is empty (a run was killed when it began to store this record)"
    with contextlib.suppress(ValueError, AttributeError, TypeError, RecursionError):
        version = json.loads(data).get("schema_version", 0)
        if version > SCHEMA_VERSION:
            return _newer(version)
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    return f"is not a record: {where}: {first['msg']}"


def _newer(version: int) -> str:
    return f"has record version {version}, this isdbench reads up to {SCHEMA_VERSION}; upgrade isdbench"


def _is_record_name(name: str, part: str) -> bool:
    return name.endswith(".json") and not name.startswith(".") and part in name


def _checked_json(record: Record) -> bytes:
    own = (record.key, record.protocol_hash) == (record.cell.key, record.cell.protocol.hash)
    if not own and record.schema_version == SCHEMA_VERSION:  # version 1 hashed other fields
        raise ValueError(f"record '{record.key}': the key or the protocol hash is not that of its cell")
    data = record.model_dump_json(indent=1).encode()
    try:
        same = Record.model_validate_json(data) == record
    except ValidationError:
        same = False
    if not same:
        raise ValueError(f"record '{record.key}': a value is not finite, so it could not be read back as written")
    return data
