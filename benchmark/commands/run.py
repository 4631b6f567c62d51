"""``isdbench run table1 ...``: plan, run what is not on record yet, write the tables."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import (
    add_dataset_options,
    add_device_option,
    add_protocol_options,
    add_store_options,
    open_dataset,
    protocol_fields,
)
from benchmark.errors import UserError
from benchmark.run.profiles import PROFILES, Profile, profile
from benchmark.run.tables import systems_of
from benchmark.run.timing_variants import variant
from results.paper import TABLE_NAMES, paper_table

if TYPE_CHECKING:
    from benchmark.commands.progress import Display
    from benchmark.data.base import Dataset
    from benchmark.run.job import Job
    from benchmark.run.plan import Request
    from results.paper import PaperTable
    from results.record import Record
    from results.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The tables, and what to run them on."""
    parser.add_argument("tables", nargs="+", metavar="TABLE", help=", ".join(TABLE_NAMES))
    parser.add_argument("--only", choices=("cost", "accuracy"), help="one kind of cell")
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What to run, on which images, under which protocol."""
    parser.add_argument("--profile", default="smoke", help=f"the budget: {', '.join(PROFILES)} (smoke)")
    parser.add_argument("--systems", type=names, help="comma-separated; those of the table or figure by default")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="training runs of each system (1)")
    parser.add_argument("--recipe", help="a recipe on the systems' cards; the first one by default")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="GPUs to train on, data-parallel (1)")
    parser.add_argument("--holdout", type=int, default=0, metavar="N", help="score the last N images of 'train'")
    add_dataset_options(parser, default="synthetic")
    add_device_option(parser)
    add_protocol_options(parser)
    add_store_options(parser)


def names(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def main(args: argparse.Namespace) -> int:
    """Run the cells, then print and write the tables. 1 if a cell failed."""
    from benchmark.commands.progress import Display
    from benchmark.commands.report import write_tables

    check(args)
    tables = [paper_table(name) for name in args.tables]
    store_of(args).ensure_writable()
    with Display(sys.stderr) as display:
        records = measured(args, list(_jobs(args, tables, display)), display)
    write_tables(args.tables, records, args.out, args.format)
    return 1 if any(record.status == "failed" for record in records) else 0


def store_of(args: argparse.Namespace) -> Store:
    """The store that the options name."""
    from results.store import Store

    return Store(args.records or args.out / "records")


def measured(args: argparse.Namespace, jobs: list[Job], display: Display) -> list[Record]:
    """The records of the jobs: those on record already, and those made now."""
    from benchmark.run.pool import run_jobs

    display.plan(jobs)
    records = []
    for job, record, known in run_jobs(jobs, store_of(args), display.progress):
        display.finished(job, record, known)
        records.append(record)
    return records


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot run before anything is made."""
    if min(args.seeds, args.devices) < 1 or args.holdout < 0:
        raise UserError("--seeds and --devices must be 1 or more, --holdout 0 or more")
    profile(args.profile)
    variant(args.protocol)
    for name in args.systems or ():
        registry.card(name)
    if args.dataset != "synthetic" and args.only != "cost":
        open_dataset(args.dataset, args.root)


def _jobs(args: argparse.Namespace, tables: list[PaperTable], display: Display) -> Iterator[Job]:
    """The cells of all tables; a cell that two tables share comes once."""
    from benchmark.run.plan import plan

    seen = set()
    for each in tables:
        for job in plan(each, request(args, each, display)):
            if job.cell.key not in seen:
                seen.add(job.cell.key)
                yield job


def request(args: argparse.Namespace, each: PaperTable, display: Display) -> Request:
    """What the options ask for on the images of a table; the synthetic world is made where it is missing."""
    from benchmark.machine.device import resolve
    from benchmark.machine.environment import cpu_model
    from benchmark.run.plan import Request, size_of, split_of, world_size

    device, budget = resolve(args.device), profile(args.profile)
    info = registry.dataset(args.dataset).info
    size = world_size(each, budget) if info.synthetic else info.image_size
    dataset = None if args.only == "cost" else _dataset(args, size, display)
    split = split_of(dataset, budget, args.holdout) if dataset else None
    if dataset and split:
        size = size_of(dataset, split.scored)
    return Request(
        profile=budget,
        info=info,
        size=size,
        root=dataset.root if dataset else Path(),
        split=split,
        systems=args.systems,
        kinds=(args.only,) if args.only else ("accuracy", "cost"),
        imagenet=_imagenet(args.systems or systems_of(each, registry.cards()), budget) if dataset else {},
        ratio=budget.ratio if info.synthetic else 1.0,
        seeds=args.seeds,
        device=device,
        hardware=cpu_model() if device == "cpu" else device,
        devices=args.devices,
        recipe=args.recipe,
        out=args.out,
        command=shlex.join(["isdbench", *sys.argv[1:]]),
        **protocol_fields(args, device),
    )


def _dataset(args: argparse.Namespace, size: tuple[int, int], display: Display) -> Dataset:
    """The dataset asked for; the synthetic world is made where it is not there yet."""
    if args.dataset != "synthetic":
        return open_dataset(args.dataset, args.root)
    from benchmark.data.synthetic import Synthetic, World, make_world

    budget, text = profile(args.profile), "x".join(map(str, size))
    root = args.root or args.out / "worlds" / f"{budget.name}-{text}"

    def making(done: int, total: int) -> None:
        display.making(f"synthetic world {text}", done, total)

    make_world(root, World(), size, budget.train_images, budget.test_images, making)
    return Synthetic(root)


def _imagenet(systems: Iterable[str], budget: Profile) -> dict[str, tuple[str, ...]]:
    """The ImageNet files at hand for each system; the profile says whether missing ones are downloaded first."""
    if budget.imagenet == "off":
        return {}
    from benchmark.weights.imagenet import default_folder, obtain

    folder = default_folder()
    chosen = {name: registry.card(name).imagenet for name in systems}
    at_hand = set()
    for file in dict.fromkeys(file for files in chosen.values() for file in files):
        found = obtain(file, budget.imagenet, folder)
        if not isinstance(found, str):
            at_hand.add(file.file)
        elif budget.imagenet == "auto":
            print(f"isdbench: ImageNet weights: {found}; going on from random weights", file=sys.stderr)
    return {name: tuple(file.file for file in files if file.file in at_hand) for name, files in chosen.items()}
