"""The report of ``isdbench data verify`` on a dataset folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.data.base import Dataset, Problem, Progress
from benchmark.data.duplicates import near_duplicates
from benchmark.data.manifest import manifest_problems


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
        """Whether the files present are sound, even if some are missing."""
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
    """Check every file of a dataset folder, those of its manifest too, and that its splits share no picture."""
    return VerifyReport(
        dataset=dataset.info.name,
        root=dataset.root,
        on_disk={split: len(dataset.on_disk(split)) for split in dataset.splits},
        official={split: dataset.official_count(split) for split in dataset.splits},
        problems=(*manifest_problems(dataset.root), *dataset.verify(progress), *near_duplicates(dataset)),
    )
