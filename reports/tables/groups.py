"""Which records may share a table: those of one dataset, profile, recipe, machine and protocol.

Records that differ in any of these are never mixed: they form separate groups, each with its own table.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from reports.tables.frame import newest
from results.paper import PaperTable

COUNTED = "counted"  # what a record says instead of initial weights where the system is a reference, not a net
SHARED_RECIPES = ("short", "paper", "released-code", "library")  # any other is a system's own and joins each of these
_MACHINE = ["dataset", "paper_dataset", "profile", "profile_hash", "hardware", "image_ratio"]
_ACCURACY = ["split", "split_hash", "protocol_hash", "overrides"]
_PAIRED = [
    "metric_version",
    "evaluated_scale",
    "precision",
    "height",
    "width",
]  # what accuracy and cost of one table have in common


@dataclass(frozen=True, eq=False)
class Group:
    """Comparable records: a frame of accuracy rows and a frame of cost rows, one row per cell; either may be empty."""

    dataset: str
    paper_dataset: str
    profile: str
    recipe: str
    hardware: str
    accuracy: pd.DataFrame
    cost: pd.DataFrame

    @functools.cached_property
    def rows(self) -> pd.DataFrame:
        """All rows, accuracy first."""
        return pd.concat([frame for frame in (self.accuracy, self.cost) if not frame.empty])

    @functools.cached_property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems with a record, in the order of the records."""
        return tuple(dict.fromkeys(map(str, self.rows["system"])))

    def only(self, systems: Iterable[str]) -> Group:
        """The same group with the records of these systems alone."""
        names = list(systems)
        accuracy, cost = (frame[frame["system"].isin(names)] for frame in (self.accuracy, self.cost))
        return replace(self, accuracy=accuracy, cost=cost)

    @functools.cached_property
    def nets(self) -> pd.DataFrame:
        """The finished accuracies of methods, without those of reference systems."""
        done: pd.DataFrame = self.accuracy[(self.accuracy["status"] == "ok") & (self.accuracy["weights"] != COUNTED)]
        return done

    @functools.cached_property
    def timed(self) -> pd.DataFrame:
        """The finished costs."""
        done: pd.DataFrame = self.cost[self.cost["status"] == "ok"]
        return done

    def records_of(self, system: str, kind: str) -> pd.DataFrame:
        """The rows of one system and one kind of record; empty where there are none."""
        found: pd.DataFrame | None = self._parts.get((kind, system))
        return self.rows.iloc[:0] if found is None else found

    @functools.cached_property
    def _parts(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        return {tuple(map(str, key)): part for key, part in self.rows.groupby(["kind", "system"])}

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images."""
        first = self.rows.iloc[0]
        return int(first["height"]), int(first["width"])

    @property
    def slug(self) -> str:
        """The part of a file name that tells this group from others, as far as words do; see :func:`numbered`."""
        hardware = re.sub(r"\((r|tm)\)|\b(processor|cpu)\b", " ", self.hardware, flags=re.IGNORECASE)
        parts = (self.dataset, "{}x{}".format(*self.image_size), self.profile, self.recipe, hardware)
        return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:40] for part in parts if part)

    def fits(self, table: PaperTable) -> bool:
        """Whether the records were made to be compared with this table."""
        return self.paper_dataset == table.dataset


def numbered(names: Iterable[str]) -> list[str]:
    """The names, each different: the second "a" becomes "a-2", the third "a-3"."""
    found: Counter[str] = Counter()
    different = []
    for name in names:
        found[name] += 1
        different.append(name if found[name] == 1 else f"{name}-{found[name]}")
    return different


def groups(frame: pd.DataFrame) -> list[Group]:
    """The groups in a frame of records, with the newest record of each cell; ordered by dataset, profile, machine."""
    found = []
    for machine, rows in newest(frame).groupby(_MACHINE):
        present = set(rows["recipe"])
        for recipe in [name for name in SHARED_RECIPES if name in present] or [""]:
            fitting = rows[(rows["recipe"] == recipe) | ~rows["recipe"].isin(SHARED_RECIPES)]
            found += _pairs(machine, recipe, fitting)
    return found


def _pairs(machine: tuple[Any, ...], recipe: str, rows: pd.DataFrame) -> list[Group]:
    dataset, paper_dataset, profile, _, hardware, _ = map(str, machine)
    costs = [frame for _, frame in rows[rows["kind"] == "cost"].groupby("protocol_hash")]
    accuracies = [frame for _, frame in rows[rows["kind"] == "accuracy"].groupby(_ACCURACY)]
    none = rows.iloc[:0]
    pairs = []
    for accuracy in accuracies:
        beside = [cost for cost in costs if _setting(cost) == _setting(accuracy)]
        pairs += [(accuracy, cost) for cost in beside or [none]]
    paired = {_setting(accuracy) for accuracy in accuracies}
    pairs += [(none, cost) for cost in costs if _setting(cost) not in paired]
    return [Group(dataset, paper_dataset, profile, recipe, hardware, accuracy, cost) for accuracy, cost in pairs]


def _setting(frame: pd.DataFrame) -> tuple[Any, ...]:
    return tuple(frame.iloc[0][_PAIRED])
