"""Another package whose system is measured: which version it is, and a fingerprint of its code."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from benchmark.machine.environment import git_state


@cache
def code_hash(module: str) -> str:
    """Fingerprint of all files of the package that a module is in, or of the file where it is in none.

    Files in hidden folders and ``__pycache__`` do not count. A changed file gives another hash, so a measurement of the
    old code is not taken for one of the new.
    """
    digest = hashlib.sha256()
    for name, file in _files(module.partition(".")[0]):
        digest.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def described(module: str) -> str:
    """Distribution, version, commit and code of the package that a module is in: "mynet 0.1.0, code 0a1b2c3d4e5f"."""
    root = module.partition(".")[0]
    names = [point.dist for point in metadata.entry_points(group="isdbench.systems") if point.value == module]
    versions = [f"{one.name} {one.version}" for one in names if one]
    _, file = next(_files(root))
    commit, dirty, _ = git_state(file)
    state = [f"commit {commit}{', changed' if dirty else ''}"] if commit else []
    return ", ".join([*(versions or [root])[:1], *state, f"code {code_hash(module)}"])


def _files(root: str) -> Iterator[tuple[str, Path]]:
    """The files of a top-level module, with their paths in it, in a fixed order."""
    spec = importlib.util.find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        if spec and spec.origin:
            yield Path(spec.origin).name, Path(spec.origin)
        return
    for location in spec.submodule_search_locations:
        for file in sorted(Path(location).rglob("*")):
            parts = file.relative_to(location).parts
            if file.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
                yield "/".join(parts), file
