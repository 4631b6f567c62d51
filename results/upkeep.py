"""Upkeep of a folder of records: what killed processes left is removed, and a record is taken back with a reason."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from results.errors import UserError
from results.lease import PREFIX
from results.store import SUPERSEDED

STALE_S = 600.0  # writing a file takes seconds, and a lease is touched every few seconds


def stale_files(folder: Path) -> Iterator[Path]:
    """Hidden files below a folder that a process was writing, or leases, which nobody has touched for ``STALE_S``.

    Their age is by the clock of the file system, which may be another machine's.

    Raises:
        OSError: the folder cannot be written.
    """
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        now = Path(probe.name).stat().st_mtime
    for pattern in (".*.part", f"{PREFIX}*"):
        yield from (file for file in folder.rglob(pattern) if file.is_file() and now - file.stat().st_mtime > STALE_S)


def supersede(record: Path, reason: str) -> Path:
    """Take a record back: reports leave it out and its cell runs again. The file stays, with the reason beside it.

    Raises:
        UserError: there is no such file, it has been superseded already, or no reason is given.
    """
    mark = record.with_name(record.name + SUPERSEDED)
    if not reason.strip():
        raise UserError("--reason is empty: say what is wrong with the record, or which one replaces it")
    if record.suffix != ".json" or not record.is_file():
        raise UserError(f"{record}: no such record; name its .json file")
    note = {"reason": reason.strip(), "created": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    try:
        with mark.open("x", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")
    except FileExistsError:
        raise UserError(f"{record}: superseded already, see {mark.name}") from None
    except OSError as error:
        raise UserError(f"{mark}: cannot be written: {error.strerror}") from error
    return mark
