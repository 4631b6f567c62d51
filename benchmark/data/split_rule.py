"""The rule of a ``dataset.toml`` that divides its images: by folder, by list, or drawn."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SplitRule(BaseModel):
    """Which images are for training and which are scored."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["folder", "list", "fraction", "fold"]
    train: list[str] = []  # names of folders, or ids
    val: list[str] = []
    test: list[str] = []
    fraction: float = Field(0.2, gt=0, lt=1)  # of the images, scored
    folds: int = Field(5, ge=2)
    fold: int = Field(0, ge=0)  # which of the folds is scored
    seed: int = 0

    @model_validator(mode="after")
    def _complete(self) -> SplitRule:
        if self.by in ("folder", "list") and not (self.train and (self.val or self.test)):
            raise ValueError(f'by = "{self.by}" needs train, and val or test')
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}: folds count from 0")
        twice = first_repeated([*self.train, *self.val, *self.test])
        if twice:
            raise ValueError(f"'{twice}' is named twice; what is scored must not be trained on")
        return self

    def ids(self, split: str, files: dict[str, Path]) -> tuple[str, ...]:
        """The ids of a split among the ``files`` by id, whose paths are relative to the dataset's folder."""
        names: list[str] = getattr(self, split)
        if self.by == "list":
            return tuple(names)
        if self.by == "folder":
            return tuple(image_id for image_id, file in files.items() if set(file.parent.parts) & set(names))
        drawn = sorted(files)
        random.Random(self.seed).shuffle(drawn)
        count = max(1, round(self.fraction * len(drawn)))
        scored = set(drawn[:count] if self.by == "fraction" else drawn[self.fold :: self.folds])
        wanted = {"train": set(drawn) - scored, "test": scored, "val": set[str]()}[split]
        return tuple(sorted(wanted))


def first_repeated(names: Iterable[str]) -> str | None:
    """The first name that has stood before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
