"""From tables to jobs: which systems are measured, on which images, under which protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from benchmark import registry
from benchmark.card import Card, Recipe
from benchmark.data.base import Dataset
from benchmark.data.opening import header_size
from benchmark.errors import DataError, UnknownNameError, UserError
from benchmark.machine.other_package import code_hash
from benchmark.run.job import Job, Split
from benchmark.run.options import RunOptions
from benchmark.run.profiles import Profile
from benchmark.run.short_recipe import NAME as SHORT
from benchmark.run.short_recipe import overridden, short, within
from benchmark.run.tables import row_of, systems_of, tables_of
from benchmark.run.timing_variants import timing_variant
from benchmark.training.settings import check_shares
from results.cell import Cell, Kind, Protocol, digest, identity
from results.paper import PaperTable


def plan(table: PaperTable, options: RunOptions) -> list[Job]:
    """The jobs of one table, in the order in which they run.

    Raises:
        UserError: the table is of another of the paper's datasets, or a name is unknown.
    """
    dataset = options.dataset
    fitting = tables_of(dataset.name)
    if fitting and table.name not in fitting and not table.is_neutral:
        raise UserError(
            f"--dataset {dataset.name}: {table.name} is about {table.dataset}; run {' or '.join(fitting)} on "
            f"{dataset.title}"
        )
    names = options.systems or tuple(systems_of(table, registry.cards()))
    cards = [registry.card(name) for name in names]
    for card in cards:
        if card.rows and row_of(table, card) is None and not table.is_neutral:
            raise UserError(f"--systems {card.name}: no row of {table.name}; it belongs to {' '.join(card.rows)}")
    untrained = () if options.systems else options.profile.cost_only
    costs = replace(options, kinds=tuple(kind for kind in options.kinds if kind == "cost"))
    chosen = [(card, costs if card.name in untrained else options) for card in cards]
    return [job for card, how in chosen for job in jobs(card, table.dataset, how)]


def reference_jobs(table: PaperTable, options: RunOptions) -> list[Job]:
    """The accuracy of each reference system, once: it stands beside whatever a run measures the accuracy of."""
    cards = registry.cards().values() if "accuracy" in options.kinds else ()
    return [_job(card, "accuracy", 0, table.dataset, options) for card in cards if card.is_reference]


def jobs(card: Card, paper_dataset: str, options: RunOptions) -> list[Job]:
    """The jobs of one system: one accuracy cell for each seed, and one cost cell.

    Args:
        card: of the system.
        paper_dataset: the dataset whose printed values these cells are compared with; "" for none.
        options: what was asked for.
    """
    made = []
    if "accuracy" in options.kinds:
        for seed in options.seeds:
            made += _accuracy_jobs(card, seed, paper_dataset, options)
    if "cost" in options.kinds:
        made.append(_job(card, "cost", 0, paper_dataset, options))
    return made


def _accuracy_jobs(card: Card, seed: int, paper_dataset: str, options: RunOptions) -> list[Job]:
    """The training of a system, after the one that gives it its first weights, if there is one.

    By the short recipe that is the training of a refiner's base, or of another row's equal net. Otherwise a system is
    trained from its own initial weights, a refiner together with its base.
    """
    short_recipe = (options.recipe or options.profile.recipe) == SHORT
    source = (options.profile.shared.get(card.name) or card.base) if short_recipe else ""
    before = _accuracy_jobs(registry.card(source), seed, paper_dataset, options) if source else []
    return [*before, _job(card, "accuracy", seed, paper_dataset, options, before[-1] if before else None)]


def _job(card: Card, kind: Kind, seed: int, paper_dataset: str, options: RunOptions, base: Job | None = None) -> Job:
    """The one place where settings are resolved: what goes into the key is what the cell's process executes."""
    scaled = card.at(options.ratio)
    recipe_name, recipe = _recipe(card, paper_dataset, options)
    split = options.split if kind == "accuracy" else None
    cell = Cell(
        kind=kind,
        system=card.name,
        card_hash=_card_hash(scaled),
        dataset=options.dataset.name,
        paper_dataset=paper_dataset,
        recipe=recipe_name,
        recipe_hash=digest(identity(recipe)),
        profile=options.profile.name,
        profile_hash=options.profile.hash,
        imagenet=options.imagenet.get(card.name, ()) if kind == "accuracy" else (),
        seed=seed,
        device=options.device,
        hardware=options.hardware,
        split=split.scored_name if split else "",
        split_hash=split.hash if split else "",
        image_ratio=options.image_ratio,
        overrides=options.overrides if kind == "accuracy" else (),
        base_key=base.cell.key if base else "",
        devices=options.devices if kind == "accuracy" else 1,
        shared_statistics=kind == "accuracy" and options.devices > 1,
        smallest_budget=options.smallest_budget and kind == "cost",
        protocol=_protocol(kind, options),
    )
    return Job(
        cell=cell,
        card=scaled,
        recipe=recipe,
        profile=options.profile.for_card(card),
        num_classes=len(options.dataset.classes),
        root=options.root,
        split=split,
        devices=options.devices,
        nodes=options.nodes,
        work=options.out / "work" / cell.key,
        weights=options.out / "weights" / f"{re.sub('[/:]+', '_', card.name)}-{cell.key}.safetensors",
        base_weights=base.weights if base else None,
        command=options.command,
    )


def _recipe(card: Card, paper_dataset: str, options: RunOptions) -> tuple[str, Recipe]:
    """The name of the recipe, and the recipe as it is on the dataset, with what the user overrides."""
    if card.is_reference:
        return recipe_of(card, None)
    name = options.recipe or options.profile.recipe or None
    own_name, recipe = recipe_of(card, None if name == SHORT else name)
    # the synthetic dataset takes the crop and schedule of the dataset that it stands for
    on = paper_dataset if options.dataset.synthetic else options.dataset.name
    recipe = recipe.on(on)
    if name == SHORT:
        stages: tuple[str, ...] | None = () if card.name in options.profile.shared else None
        if card.base:  # a refiner's recipe is its base's, followed by stages of its own
            base = recipe_of(registry.card(card.base), None)[1].on(on)
            stages = tuple(stage for stage in recipe.stages if stage not in (base.stages or ("main",)))
        known = registry.datasets()
        recipe = short(recipe, (known[on].info if on in known else options.dataset).training, stages)
    changed = overridden(recipe, {**options.profile.recipe_changes, **options.recipe_changes})
    return name or own_name, within(changed, *(side / options.ratio for side in options.image_size))


def _card_hash(card: Card) -> str:
    """Fingerprint of a scaled card, of the base that it refines, and of the code of other packages that hold them.

    Our own code is named by the suite's version and commit, and by ``METRIC_VERSION`` where it changes a value.
    """
    base = registry.card(card.base).at(card.ratio) if card.base else None
    codes = [code_hash(module) for module in registry.other_modules(card.name)]
    return digest([identity(card), identity(base), *codes])


def _protocol(kind: Kind, options: RunOptions) -> Protocol:
    common: dict[str, Any] = {"precision": options.precision, "threads": options.threads, **options.switches}
    if kind == "accuracy":
        common["channels_last"] = False  # the switch is for the timed system; scores do not depend on it
        if options.threads:
            common["threads"] = min(options.threads, options.profile.train_threads or options.threads)
        return Protocol(kind=kind, height=options.image_size[0], width=options.image_size[1], **common)
    timing = timing_variant(options.timing)
    height, width = timing.size(options.image_size)
    return Protocol(
        kind=kind,
        evaluated_scale=timing.evaluated_scale,
        height=height,
        width=width,
        compiled=options.compiled,
        optimized=options.optimized,
        engine=options.engine,
        timed_regions=timing.timed_regions or options.profile.timed_regions,
        input=timing.input,
        **common,
    )


def recipe_of(card: Card, name: str | None) -> tuple[str, Recipe]:
    """A recipe of a card by name; the first one where no name is given.

    Raises:
        UnknownNameError: the card has no such recipe.
    """
    chosen = name or next(iter(card.recipes))
    if chosen not in card.recipes:
        raise UnknownNameError(f"recipe of {card.name}", chosen, card.recipes)
    return chosen, card.recipes[chosen]


def require_recipe(cards: Iterable[Card], name: str | None) -> None:
    """Check that systems have a recipe of this name, before images are made for them.

    Raises:
        UnknownNameError: one of them has not.
    """
    for card in cards:
        if name not in (None, SHORT) and not card.is_reference:
            recipe_of(card, name)


def require_shares(cards: Iterable[Card], profile: Profile, recipe: str | None, devices: int) -> None:
    """Check that devices can share the batch of each system evenly, before images are made for them.

    Raises:
        UserError: they cannot.
    """
    for card in (card for card in cards if not card.is_reference):
        own = recipe_of(card, None if recipe == SHORT else recipe)[1].batch
        check_shares(profile.for_card(card).batch or own, devices, card.name)


def split_of(dataset: Dataset, profile: Profile, holdout: int) -> Split:
    """The ids to train on and to score: the dataset's split, or the last ``holdout`` images of 'train'.

    Raises:
        DataError: there is no image to train on, or none to score.
        UserError: ``holdout`` is not smaller than the number of training images.
    """
    train = dataset.ids("train")
    where = f"--root {dataset.root}: {dataset.info.title}"
    if not train:
        raise DataError(f"{where}: no image of split 'train' found; check the folder with 'isdbench data verify'")
    if holdout >= len(train):
        raise UserError(f"--holdout {holdout}: split 'train' has {len(train)} images; hold out fewer")
    if holdout:
        train, scored, name = train[:-holdout], train[-holdout:], "holdout"
    else:
        found = ((name, dataset.ids(name)) for name in dataset.info.evaluation_splits)
        name, scored = next(((name, ids) for name, ids in found if ids), ("", ()))
    if not scored:
        names = "' or '".join(dataset.info.evaluation_splits)
        raise DataError(f"{where}: no image of split '{names}' found; score N images of 'train' with --holdout N")
    if not profile.whole_dataset and not dataset.info.synthetic:
        train, scored = train[: profile.train_images], scored[: profile.test_images]
    return Split(train=train, scored=scored, scored_name=name)


def size_of(dataset: Dataset, ids: Iterable[str]) -> tuple[int, int]:
    """Height and width that the images of these ids share; where they differ, the size that the paper names."""
    sizes = {header_size(dataset.image_path(image_id)) for image_id in ids}
    return sizes.pop() if len(sizes) == 1 else dataset.info.image_size
