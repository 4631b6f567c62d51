"""``isdbench run table1 ...``: plan, run what is not on record yet, write the tables."""

from __future__ import annotations

import argparse
import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmark.commands.chosen import neutral_table
from benchmark.commands.options import (
    add_dataset_options,
    add_device_option,
    add_format_option,
    add_json_option,
    add_protocol_options,
    add_quiet_option,
    add_store_options,
    add_timing_options,
    names,
    positive,
    positive_number,
    size,
)
from benchmark.commands.requests import check_table_options, measured, print_json, store_of, table_options
from benchmark.errors import UserError
from benchmark.run.profiles import PROFILES
from results.paper import OWN_TABLES, TABLE_NAMES, paper_table

if TYPE_CHECKING:
    from benchmark.commands.progress import Display
    from benchmark.run.job import Job
    from benchmark.run.pool import Engine
    from results.paper import PaperTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The tables, what to run them on, and whether to speak of it."""
    add_table_arguments(parser)
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="this machine, or a Ray cluster")
    parser.add_argument("--address", metavar="HOST:PORT", help="of the Ray cluster, or 'auto' (one on this machine)")
    add_quiet_option(parser)
    add_json_option(parser, "the records")


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """The tables, and what to run them on: shared with ``plan``."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help=f"{', '.join((*TABLE_NAMES, *OWN_TABLES))}; without one, the systems are compared with each other alone",
    )
    parser.add_argument("--only", choices=("cost", "accuracy"), help="measure only cost, or only accuracy")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="training runs of each system, one seed after the other (1)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first training run (0)")
    add_run_options(parser)
    parser.add_argument(
        "--nodes",
        type=int,
        default=1,
        metavar="M",
        help="nodes of a Ray cluster that share a training, each with N devices (1)",
    )
    add_timing_options(parser)
    add_format_option(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What to train, on which images, with which settings: shared with ``figure``."""
    parser.add_argument("--profile", default="first", help=f"the budget: {', '.join(PROFILES)} (first)")
    parser.add_argument(
        "--systems",
        type=names,
        metavar="A,B",
        help="which systems (those of the table or figure); 'unet*' for all of a kind, '!fctl' for all but one",
    )
    parser.add_argument("--recipe", help="'short', or one on the systems' cards (the profile's, or the first)")
    parser.add_argument("--iterations", type=positive, metavar="N", help="of training, instead of the profile's")
    parser.add_argument("--batch", type=positive, metavar="N", help="of training, instead of the profile's")
    parser.add_argument("--crop", type=size, metavar="HxW", help="of training, in pixels of the images trained on")
    parser.add_argument("--learning-rate", type=positive_number, metavar="X", help="instead of the recipe's")
    parser.add_argument(
        "--ratio", type=float, default=1.0, metavar="R", help="reduce real images to R of their side (1)"
    )
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="GPUs of a node to train and score on, data-parallel; on a CPU, processes (1)",
    )
    parser.add_argument("--holdout", type=int, default=0, metavar="N", help="score the last N images of 'train'")
    add_dataset_options(parser, default="synthetic")
    add_device_option(parser)
    add_protocol_options(parser)
    add_store_options(parser)


def main(args: argparse.Namespace) -> int:
    """Run the cells, then print and write the tables. 1 if a cell failed."""
    from benchmark.commands.progress import Display
    from benchmark.commands.report import write_tables

    run = _engine(args)
    check_table_options(args)
    args.tables = args.tables or [neutral_table(args)]
    tables = [paper_table(name) for name in args.tables]
    store = store_of(args)
    store.ensure_writable()
    with Display(sys.stderr, quiet=args.quiet) as display:
        planned = [job for table in tables for job in plan_table(args, table, display)]
        unique = {job.cell.key: job for job in planned}  # a cell that two tables share runs once
        records = measured(list(unique.values()), store, display, run)
    with contextlib.redirect_stdout(sys.stderr) if args.json else contextlib.nullcontext():
        write_tables(args.tables, records, args.out, args.format)
    if args.json:
        print_json(records)
    return 1 if any(record.status == "failed" for record in records) else 0


def _engine(args: argparse.Namespace) -> Engine:
    """What runs the jobs.

    Raises:
        UserError: an address without Ray, or Ray is not installed.
    """
    if args.engine == "ray":
        from benchmark.run.ray_engine import require_ray, run_on_ray

        require_ray()
        return partial(run_on_ray, address=args.address)
    if args.address:
        raise UserError("--address: only a Ray cluster has one; add --engine ray")
    if args.nodes > 1:
        raise UserError(f"--nodes {args.nodes}: only a Ray cluster has several; add --engine ray")
    from benchmark.run.pool import run_jobs

    return run_jobs


def plan_table(args: argparse.Namespace, table: PaperTable, display: Display) -> list[Job]:
    """The jobs of one table, those of the reference rows last."""
    from benchmark.run.plan import plan, reference_jobs

    options = table_options(args, table, display)
    return plan(table, options) + reference_jobs(table, options)
