"""From tables to cells: what is to be measured, on which images, by which system, under which protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmark import registry
from benchmark.card import Card, Recipe, key_of
from benchmark.data.base import Dataset, DatasetInfo
from benchmark.data.reading import header_size
from benchmark.errors import DataError, UnknownNameError, UserError
from benchmark.run.job import Job, Split
from benchmark.run.profiles import Profile
from benchmark.run.tables import image_size, row_of, systems_of, tables_of
from benchmark.run.timing_variants import variant
from results.cell import Cell, Kind, Protocol, digest
from results.paper import PaperTable

Precision = Literal["fp32", "fp16", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for, names checked."""

    profile: Profile
    info: DatasetInfo
    size: tuple[int, int]  # (height, width) of the images
    root: Path = Path()  # of the dataset; cost needs none
    split: Split | None = None  # the same
    systems: tuple[str, ...] | None = None  # None: the table's own
    kinds: tuple[Kind, ...] = ("accuracy", "cost")
    imagenet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # files at hand, by system
    ratio: float = 1.0  # image side over the paper's image side: real images keep their size
    seeds: int = 1
    device: str = "cpu"  # "cpu" or the GPU's name
    hardware: str = ""  # the CPU's or the GPU's name
    devices: int = 1
    threads: int | None = None
    precision: Precision = "fp32"
    compiled: bool = False
    variant: str = "full-scale"  # in benchmark.run.timing_variants
    switches: Mapping[str, bool] = field(default_factory=dict)  # tf32, cudnn_benchmark, channels_last, deterministic
    smallest_budget: bool = False
    recipe: str | None = None  # None: the first on each card
    out: Path = Path("out")
    command: str = ""


def split_of(dataset: Dataset, profile: Profile, holdout: int) -> Split:
    """The ids to train on and to score.

    Raises:
        DataError: nothing to train on, or nothing to score.
        UserError: more images are to be held out than there are.
    """
    train, name = dataset.ids("train"), "holdout"
    if holdout and holdout >= len(train):
        raise UserError(f"--holdout {holdout}: split 'train' has {len(train)} images on disk; hold out fewer")
    scored: tuple[str, ...] = ()
    if holdout:
        train, scored = train[:-holdout], train[-holdout:]
    else:
        for name in dataset.info.evaluation_splits:  # the first split with images is the one scored
            scored = dataset.ids(name)
            if scored:
                break
    _refuse_empty(dataset, train, scored)
    if not profile.whole_dataset and not dataset.info.synthetic:
        train, scored = train[: profile.train_images], scored[: profile.test_images]
    return Split(train=train, scored=scored, scored_name=name)


def size_of(dataset: Dataset, ids: Iterable[str]) -> tuple[int, int]:
    """Height and width that the images of these ids share, by their headers; where they differ, the paper's size."""
    sizes = {header_size(dataset.image_path(image_id)) for image_id in ids}
    return sizes.pop() if len(sizes) == 1 else dataset.info.image_size


def _refuse_empty(dataset: Dataset, train: tuple[str, ...], scored: tuple[str, ...]) -> None:
    where = f"--root {dataset.root}: {dataset.info.title}"
    if not train:
        raise DataError(f"{where}: no image of split 'train' is on disk; see 'isdbench data verify'")
    if not scored:
        names = "' or '".join(dataset.info.evaluation_splits)
        raise DataError(
            f"{where}: no image of split '{names}' is on disk; add --holdout N to score N images of 'train'"
        )


def plan(table: PaperTable, request: Request) -> list[Job]:
    """The jobs of one table, in the order in which they run.

    Raises:
        UserError: the table prints another of the paper's datasets, or a name is unknown.
    """
    info, fitting = request.info, tables_of(request.info.name)
    if fitting and table.name not in fitting:
        hint = f"{info.title} is printed by {', '.join(fitting)}"
        raise UserError(f"--dataset {info.name}: {table.name} prints {table.dataset}; {hint}")
    names = request.systems or tuple(systems_of(table, registry.cards()))
    cards = [registry.card(name) for name in names]
    for card in cards:
        if card.rows and row_of(table, card) is None:
            raise UserError(f"--systems {card.name}: it feeds {' '.join(card.rows)}, no row of {table.name}")
    return [job for card in cards for job in jobs(card, table.dataset, request)]


def world_size(table: PaperTable, profile: Profile) -> tuple[int, int]:
    """Height and width of the synthetic world's images for a table."""
    height, width = image_size(table)
    return round(height * profile.ratio), round(width * profile.ratio)


def jobs(card: Card, paper_dataset: str, request: Request) -> list[Job]:
    """The jobs of one system: a training for each seed, and one cost, to be compared with a dataset of the paper."""
    seeds = {"accuracy": range(request.seeds), "cost": range(1)}
    return [_job(card, kind, seed, paper_dataset, request) for kind in request.kinds for seed in seeds[kind]]


def recipe_of(card: Card, name: str | None) -> tuple[str, Recipe]:
    """A recipe of a card by name; the first one where no name is given.

    Raises:
        UnknownNameError: the card has no such recipe.
    """
    chosen = name or next(iter(card.recipes))
    if chosen not in card.recipes:
        raise UnknownNameError(f"recipe of {card.name}", chosen, card.recipes)
    return chosen, card.recipes[chosen]


def _job(card: Card, kind: Kind, seed: int, paper_dataset: str, request: Request) -> Job:
    recipe_name, recipe = recipe_of(card, request.recipe)
    split = request.split if kind == "accuracy" else None
    cell = Cell(
        kind=kind,
        system=card.name,
        card_hash=digest(key_of(card.at(request.ratio))),
        dataset=request.info.name,
        paper_dataset=paper_dataset,
        recipe=recipe_name,
        recipe_hash=digest(key_of(recipe.on(_recipe_dataset(request.info, paper_dataset)))),
        profile=request.profile.name,
        profile_hash=digest(dataclasses.asdict(request.profile)),
        imagenet=request.imagenet.get(card.name, ()) if kind == "accuracy" else (),
        seed=seed,
        device=request.device,
        hardware=request.hardware,
        split=split.scored_name if split else "",
        split_hash=split.hash if split else "",
        smallest_budget=request.smallest_budget and kind == "cost",
        protocol=_protocol(kind, request),
    )
    return Job(
        cell=cell,
        ratio=request.ratio,
        num_classes=len(request.info.classes),
        root=request.root,
        recipe_dataset=_recipe_dataset(request.info, paper_dataset),
        split=split,
        devices=request.devices,
        work=request.out / "work" / cell.key,
        weights=request.out / "weights" / f"{card.name}-{cell.key}.safetensors",
        command=request.command,
    )


def _recipe_dataset(info: DatasetInfo, paper_dataset: str) -> str:
    """Whose crops and schedule hold: the synthetic world takes those of the dataset that it stands for."""
    return paper_dataset if info.synthetic else info.name


def _protocol(kind: Kind, request: Request) -> Protocol:
    common: dict[str, Any] = {"precision": request.precision, "threads": request.threads, **request.switches}
    if kind == "accuracy":
        common["channels_last"] = False  # training and scoring know one layout
        return Protocol(kind=kind, height=request.size[0], width=request.size[1], **common)
    chosen = variant(request.variant)
    height, width = chosen.size(request.size)
    return Protocol(
        kind=kind,
        evaluated_scale=chosen.evaluated_scale,
        height=height,
        width=width,
        compiled=request.compiled,
        timed_regions=chosen.timed_regions or request.profile.timed_regions,
        input=chosen.input,
        **common,
    )
