"""Checks a dataset folder file by file, for ``isdbench data verify``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.data.base import Dataset, Problem, Progress

if TYPE_CHECKING:
    from benchmark.data.folder import FolderDataset

THREADS = 4  # decoding releases the interpreter's lock; each thread holds one image, 75 MB on Inria
NAMED = 5  # ids named in one line


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was found in a dataset folder."""

    dataset: str
    root: Path
    on_disk: dict[str, int]  # images with masks, by split
    official: dict[str, int]  # length of the official list, by split
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether what is on disk is sound; a partial folder is."""
        return not any(problem.level == "error" for problem in self.problems)

    @property
    def lines(self) -> list[str]:
        """The report for the terminal: a headline, the splits, then a line for each problem, errors first."""
        counts = ", ".join(f"{split} {self.on_disk[split]}/{count}" for split, count in self.official.items())
        problems = sorted(self.problems, key=lambda problem: problem.level)
        errors = sum(problem.level == "error" for problem in problems)
        verdict = "sound" if self.ok else f"{errors} error{'s' if errors > 1 else ''}"
        return [
            f"{self.dataset} in {self.root}: {verdict}",
            f"images with masks on disk / in the official list: {counts}",
            *(f"{problem.level}: {problem}" for problem in problems),
        ]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "ok": self.ok,
            "on_disk": self.on_disk,
            "official": self.official,
            "problems": [{"level": p.level, "file": str(p.file), "message": p.message} for p in self.problems],
        }


def verify_folder(dataset: Dataset, progress: Progress | None = None) -> VerifyReport:
    """Check every file of a dataset folder."""
    return VerifyReport(
        dataset=dataset.info.name,
        root=dataset.root,
        on_disk={split: _on_disk(dataset, split) for split in dataset.splits},
        official={split: dataset.official_count(split) for split in dataset.splits},
        problems=tuple(dataset.verify(progress)),
    )


def verify_pairs(dataset: FolderDataset, progress: Progress | None = None) -> list[Problem]:
    """What is wrong with single files: unpaired ones, and all pairs that do not read as they must."""
    ids = sorted(dataset.available_ids())
    problems = list(dataset.unpaired().values())
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for done, found in enumerate(pool.map(dataset.check_pair, ids), 1):
            problems += found
            if progress:
                progress(done, len(ids))
    return problems


def verify_lists(dataset: FolderDataset) -> list[Problem]:
    """How the ids on disk differ from the official lists: missing ones, unlisted ones, second copies. All warnings."""
    problems: list[Problem] = []
    unlisted = set(dataset.available_ids())
    for split in dataset.splits:
        unlisted.difference_update(dataset.official_ids(split))
        problems += _missing(dataset, split)
    if unlisted:
        message = f"{len(unlisted)} ids in no official list, never used: {_some(unlisted)}"
        problems.append(Problem(dataset.root, message, "warning"))
    return problems + _copies(dataset.image_files) + _copies(dataset.label_files)


def _missing(dataset: FolderDataset, split: str) -> list[Problem]:
    there, official = _on_disk(dataset, split), dataset.official_count(split)
    if there == official:
        return []
    missing = set(dataset.official_ids(split)) - dataset.available_ids()
    names = f" (missing: {_some(missing)})" if missing else ""
    message = (
        f"split '{split}' has {there} of {official} images on disk{names}; scores are not those of the whole split"
    )
    return [Problem(dataset.root, message, "warning")]


def _copies(files: Iterable[tuple[str, Path]]) -> list[Problem]:
    read: dict[str, Path] = {}
    return [
        Problem(file, f"a second file of id '{image_id}'; {read[image_id]} is the one that is read", "warning")
        for image_id, file in files
        if read.setdefault(image_id, file) != file
    ]


def _some(ids: Iterable[str]) -> str:
    """The first few ids, and how many more there are."""
    names = sorted(ids)
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _on_disk(dataset: Dataset, split: str) -> int:
    return len(dataset.available_ids().intersection(dataset.official_ids(split)))
