"""From parsed arguments to RunOptions and records: what run, figure, measure, sweep and interleave share."""

from __future__ import annotations

import argparse
import functools
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import registry
from benchmark.commands.chosen import WILD, chosen_systems
from benchmark.commands.options import open_dataset
from benchmark.errors import UserError
from benchmark.machine.device import cpu_threads, resolve
from benchmark.run.profiles import Profile, profile
from benchmark.run.tables import systems_of, world_size
from benchmark.run.timing_variants import timing_variant

if TYPE_CHECKING:
    from benchmark.commands.progress import Display
    from benchmark.data.base import Dataset
    from benchmark.run.job import Job
    from benchmark.run.options import RunOptions
    from benchmark.run.pool import Engine
    from results.paper import PaperTable
    from results.record import Record
    from results.store import Store


def table_options(args: argparse.Namespace, table: PaperTable, display: Display) -> RunOptions:
    """Options of ``run`` and ``figure`` on the images of a table; the synthetic dataset is made where it is missing.

    Raises:
        UserError: a name is unknown, a number out of range, or the dataset's folder is not usable.
    """
    check_table_options(args)
    from benchmark.card import reduced_size
    from benchmark.data.base import TrainingHints
    from benchmark.run.options import RunOptions
    from benchmark.run.plan import require_recipe, require_shares, size_of, split_of
    from benchmark.run.short_recipe import NAME as SHORT

    chosen = _changed(profile(args.profile), args)
    info = registry.dataset(args.dataset).info
    if info.synthetic and not table.is_printed and not table.is_neutral:
        raise UserError(f"{table.name} is about real images: add --dataset {table.dataset} --root DIR")
    size = world_size(table, chosen.ratio) if info.synthetic else info.image_size
    named = chosen_systems(args.systems, table)
    systems = list(named or systems_of(table, registry.cards()))
    require_recipe(map(registry.card, systems), args.recipe)
    if args.only != "cost":
        require_shares(map(registry.card, systems), chosen, args.recipe or chosen.recipe, args.devices * args.nodes)
    dataset = None if args.only == "cost" else _dataset(args, chosen, size, display)
    split = split_of(dataset, chosen, args.holdout) if dataset else None
    if dataset and info.training != TrainingHints() and (args.recipe or chosen.recipe) != SHORT:
        told = f"isdbench: {args.dataset}: what it asks of the training holds for --recipe {SHORT} alone and is ignored"
        print(told, file=sys.stderr)
    if dataset and split:
        size = size_of(dataset, split.scored)
    ratio = chosen.ratio if info.synthetic else args.ratio
    changes = {"crop": tuple(side / ratio for side in args.crop)} if args.crop else {}
    changes |= {"learning_rate": args.learning_rate} if args.learning_rate else {}
    systems += [registry.card(name).base for name in systems if registry.card(name).base]
    return RunOptions(
        **_common(args, chosen),
        dataset=info,
        image_size=size if info.synthetic else reduced_size(size, args.ratio),
        ratio=ratio,
        image_ratio=1.0 if info.synthetic else args.ratio,
        recipe_changes=changes,
        overrides=_overrides(args),
        root=dataset.root if dataset else Path(),
        split=split,
        systems=named,
        kinds=(args.only,) if args.only else ("accuracy", "cost"),
        seeds=range(args.seed, args.seed + args.seeds),
        recipe=args.recipe,
        imagenet=_imagenet(systems, chosen) if dataset else {},
        devices=args.devices * args.nodes,
        nodes=args.nodes,
    )


def _changed(chosen: Profile, args: argparse.Namespace) -> Profile:
    """The profile with the numbers that the user overrides; for heavy and slow systems too.

    Raises:
        UserError: so few timed calls have no interval.
    """
    from results.analysis.statistics import FEWEST

    changes = {name: getattr(args, name) for name in ("iterations", "batch") if getattr(args, name, None)}
    if args.repeats:
        if args.repeats < FEWEST:
            raise UserError(f"--repeats {args.repeats}: give {FEWEST} or more; fewer have no interval")
        changes |= {"min_samples": args.repeats, "max_samples": args.repeats}

    def kept(settings: Mapping[str, int]) -> dict[str, int]:
        return {name: value for name, value in settings.items() if name not in changes}

    slow = {system: kept(settings) for system, settings in chosen.slow.items()}
    changes |= {"cost_only": ()} if "iterations" in changes else {}
    return replace(chosen, heavy=kept(chosen.heavy), slow=slow, **changes)


def _overrides(args: argparse.Namespace) -> tuple[str, ...]:
    """What the user asks for in training instead of the profile's and the recipe's own, in a fixed order."""
    named = {"iterations": args.iterations, "batch": args.batch, "learning-rate": args.learning_rate}
    named["crop"] = "x".join(map(str, args.crop)) if args.crop else None
    return tuple(f"--{name} {value}" for name, value in named.items() if value)


def check_table_options(args: argparse.Namespace) -> None:
    """Refuse bad names and numbers before anything is made.

    Raises:
        UserError: a name is unknown, a number out of range, or the dataset's folder is not usable.
    """
    if min(args.seeds, args.devices, args.nodes) < 1 or min(args.seed, args.holdout) < 0:
        raise UserError("--seeds, --devices and --nodes must be 1 or more, --seed and --holdout 0 or more")
    if not 0 < args.ratio <= 1:
        raise UserError(f"--ratio {args.ratio}: give a number above 0 and up to 1")
    if args.ratio != 1 and args.dataset == "synthetic":
        raise UserError("--ratio: the size of the synthetic dataset follows from --profile; use --ratio on real images")
    profile(args.profile)
    timing_variant(args.timing)
    if resolve(args.device, args.precision) == "cpu" and args.precision == "fp16" and args.only != "cost":
        raise UserError(
            "--precision fp16: training in fp16 needs --device cuda; use --only cost, bf16 or fp32 on a CPU"
        )
    for name in args.systems or ():
        if not WILD.search(name):
            registry.card(name)
    if args.dataset != "synthetic" and args.only != "cost":
        open_dataset(args.dataset, args.root)


def cost_options(args: argparse.Namespace, size: tuple[int, int]) -> RunOptions:
    """Options of ``measure`` and ``sweep``: the cost of systems on images of (height, width).

    Raises:
        UnknownNameError: there is no such profile, timing or dataset.
    """
    from benchmark.run.options import RunOptions

    return RunOptions(
        **_common(args, _changed(profile(args.profile), args)),
        dataset=registry.dataset(args.dataset).info,
        image_size=size,
        kinds=("cost",),
        smallest_budget=args.smallest_budget,
        engine=getattr(args, "engine", "torch"),  # of `measure` alone
    )


def _common(args: argparse.Namespace, chosen: Profile) -> dict[str, Any]:
    """The fields of RunOptions that every measuring command has."""
    from benchmark.machine.environment import cpu_model

    timing_variant(args.timing)
    device = resolve(args.device, args.precision)
    switches = ("tf32", "cudnn_benchmark", "channels_last", "deterministic")
    return {
        "profile": chosen,
        "device": device,
        "hardware": cpu_model() if device == "cpu" else device,
        "threads": args.threads or (cpu_threads() if device == "cpu" else None),
        "precision": args.precision,
        "compiled": args.compile,
        "optimized": args.optimized,
        "switches": {name: getattr(args, name) for name in switches},
        "timing": args.timing,
        "out": args.out,
        "command": shlex.join(["isdbench", *sys.argv[1:]]),
    }


def _dataset(args: argparse.Namespace, chosen: Profile, size: tuple[int, int], display: Display) -> Dataset:
    """The dataset that was named; the synthetic dataset is made in OUT/worlds where it does not exist."""
    if args.dataset != "synthetic":
        return open_dataset(args.dataset, args.root)
    from benchmark.data.synthetic import Synthetic, World, make_world

    text = "x".join(map(str, size))
    root = args.root or args.out / "worlds" / f"{chosen.name}-{text}"

    def making(done: int, total: int) -> None:
        display.making(f"synthetic dataset {text}", done, total)

    make_world(root, World(), size, chosen.train_images, chosen.test_images, making)
    return Synthetic(root)


def _imagenet(systems: Iterable[str], chosen: Profile) -> dict[str, tuple[str, ...]]:
    """The available ImageNet files of each system; the profile says whether missing ones are downloaded first."""
    if chosen.imagenet == "off":
        return {}
    from benchmark.weights.download import default_folder, obtain

    folder = default_folder()
    wanted = {name: registry.card(name).imagenet for name in systems}
    available = set()
    for file in dict.fromkeys(file for files in wanted.values() for file in files):
        found = obtain(file, chosen.imagenet, folder)
        if not isinstance(found, str):
            available.add(file.file)
        elif chosen.imagenet == "auto":
            print(f"isdbench: ImageNet weights: {found}; training starts from random weights", file=sys.stderr)
    return {name: tuple(file.file for file in files if file.file in available) for name, files in wanted.items()}


def store_of(args: argparse.Namespace) -> Store:
    """The record store that the options name."""
    from results.store import Store

    @functools.cache  # once for each
    def warn(problem: str) -> None:
        print(f"isdbench: left out: {problem}", file=sys.stderr)

    return Store(args.records or args.out / "records", warn=warn)


def measured(jobs: Sequence[Job], store: Store, display: Display, run: Engine | None = None) -> list[Record]:
    """The records of the jobs in their order, whatever ran first; progress goes to the display.

    ``run`` is the engine, by default the local one.
    """
    from benchmark.run.pool import run_jobs

    display.plan(jobs, store.folder)
    made = {}
    ordered = display.time.longest_first(jobs)
    for job, record, known in (run or run_jobs)(ordered, store, display.progress):
        display.finished(job, record, known)
        made[job.cell.key] = record
    return [made[job.cell.key] for job in jobs]


def print_json(records: Iterable[Record]) -> None:
    """Print records as a JSON list, as they stand in the store."""
    print(json.dumps([record.model_dump(mode="json") for record in records], indent=1))
