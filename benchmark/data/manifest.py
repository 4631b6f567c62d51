"""Check sums of all files of a dataset folder: ``SHA256SUMS``, as ``sha256sum -c SHA256SUMS`` reads it.

``data prepare`` writes it and ``data verify`` checks it. In a folder without one, nothing is checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from benchmark.atomic import write_atomic
from benchmark.data.base import Problem
from benchmark.data.opening import RESTORE, BadFileError, require_plain

FILE = "SHA256SUMS"
LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")  # a backslash in front: line breaks in the name are escaped
ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
CHUNK = 2**20
THREADS = 4  # hashing releases the interpreter's lock


def write_manifest(root: Path) -> Path:
    """Write the sums of all files in a folder; those that are written already are kept, whatever the files are now.

    Raises:
        BadFileError: a file cannot be read, or the manifest that is there has a wrong line.
        WriteError: the folder cannot be written.
    """
    known = _read(root) if (root / FILE).exists() else {}
    new = _sums(root, (name for name in _names(root) if name not in known))
    lines = (_line(name, total) for name, total in sorted({**known, **new}.items()))
    write_atomic(root / FILE, "".join(lines).encode("utf-8", "surrogateescape"))
    return root / FILE


def manifest_problems(root: Path) -> list[Problem]:
    """An error for each file that is changed, missing or not in the manifest; none where there is no manifest."""
    if not (root / FILE).exists():
        return []
    try:
        known, there = _read(root), set(_names(root))
        found = _sums(root, known.keys() & there)
    except BadFileError as error:
        return [Problem(error.file, error.message)]
    changed = [name for name in found if found[name] != known[name]]
    return [
        *(
            Problem(root / name, f"is not in {FILE}; move it away, or add its sha256")
            for name in sorted(there - known.keys())
        ),
        *(
            Problem(root / name, f"is missing, and listed in {FILE}; {RESTORE}")
            for name in sorted(known.keys() - there)
        ),
        *(Problem(root / name, f"has changed: another sha256 than in {FILE}; {RESTORE}") for name in sorted(changed)),
    ]


def _names(root: Path) -> Iterator[str]:
    """Every file below the root, as a relative path; hidden ones and the manifest are left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(folder, name).relative_to(root) for name in files if not name.startswith("."))
        yield from (path.as_posix() for path in paths if path != Path(FILE))


def _sums(root: Path, names: Iterable[str]) -> dict[str, str]:
    listed = list(names)
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        return dict(zip(listed, pool.map(lambda name: sha256_of(root / name), listed), strict=True))


def sha256_of(path: Path) -> str:
    """The sum of a file in hex digits.

    Raises:
        BadFileError: it cannot be read.
    """
    require_plain(path)
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                total.update(chunk)
    except OSError as error:
        raise BadFileError(path, f"cannot be read: {error.strerror}; {RESTORE}") from error
    return total.hexdigest()


def _read(root: Path) -> Mapping[str, str]:
    """The sums by name.

    Raises:
        BadFileError: a line is no sum and name, or its name leads out of the folder.
    """
    file, found = root / FILE, {}
    require_plain(file)
    lines = file.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines, 1):
        parts = LINE.fullmatch(line)
        if parts:
            name = re.sub(r"\\[\\nr]", lambda mark: ESCAPES[mark[0]], parts[3]) if parts[1] else parts[3]
            path = PurePosixPath(name)
            if not path.is_absolute() and ".." not in path.parts:
                found[path.as_posix()] = parts[2]
                continue
        if line:
            raise BadFileError(
                file, f"line {number} is no sha256 and name within the folder; delete the file or the line"
            )
    return found


def _line(name: str, total: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{total}  {escaped}\n"
