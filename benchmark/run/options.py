"""What a command asks for, with names resolved and defaults filled in: one object for all measuring commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.data.base import DatasetInfo
from benchmark.run.job import Split
from benchmark.run.profiles import Profile
from results.cell import EngineName, Kind, Precision


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What to measure, on which images, under which protocol, and where to put it."""

    profile: Profile
    dataset: DatasetInfo
    image_size: tuple[int, int]  # (height, width) of the dataset's images
    ratio: float = 1.0  # image side over the paper's image side; pixel-sized settings scale with it
    image_ratio: float = 1.0  # to which the dataset's images are reduced before anything else
    root: Path = Path()  # of the dataset; cost cells need none
    split: Split | None = None  # which images to train on and to score; None: cost only
    systems: tuple[str, ...] | None = None  # None: those of the table
    kinds: tuple[Kind, ...] = ("accuracy", "cost")
    seeds: range = range(1)  # of the training runs of each system
    recipe: str | None = None  # None: the profile's, or the first on each card
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)  # settings of the recipe that the user overrides
    overrides: tuple[str, ...] = ()  # these and the profile's changes, in the words of the command line
    imagenet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # available ImageNet files, by system
    device: str = "cpu"  # "cpu" or the GPU's name
    hardware: str = ""  # the CPU's or the GPU's name
    devices: int = 1  # GPUs to train on, data-parallel, of all nodes together
    nodes: int = 1  # that they are on
    threads: int | None = None  # CPU threads; None on a GPU
    precision: Precision = "fp32"
    compiled: bool = False
    optimized: bool = False
    engine: EngineName = "torch"  # what answers the timed calls
    switches: Mapping[str, bool] = field(default_factory=dict)  # tf32, cudnn_benchmark, channels_last, deterministic
    timing: str = "full-scale"  # a name in benchmark.run.timing_variants
    smallest_budget: bool = False  # search for the least memory that a system runs in
    out: Path = Path("out")  # for worlds, checkpoints, weights, tables
    command: str = ""  # for the record's provenance
