"""``isdbench rerun RECORD...``: repeat the cells of records with this installation, and say whether they hold."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from benchmark import registry
from benchmark.commands.options import add_json_option, positive_number
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.commands.progress import Display
    from benchmark.run.job import Job
    from results.analysis.repeat import Finding
    from results.cell import Cell
    from results.record import Record

CODE = {"card_hash": "the system's card", "recipe_hash": "its recipe", "profile_hash": "the profile"}
RENAMED = {"--protocol": "--timing"}  # options, since the first records
DATA = ("dataset", "split", "split_hash", "image_ratio")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The records, and what this machine has to say differently."""
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a JSON file of results/records")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of the dataset, if it is another one here")
    parser.add_argument(
        "--tolerance", type=positive_number, default=3.0, metavar="POINTS", help="of miou_paper, where not exact (3)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep what was made here; a folder without it")
    add_json_option(parser, "the differences")


def main(args: argparse.Namespace) -> int:
    """Repeat each record and print the differences. 1 if one does not hold."""
    from benchmark.commands.progress import Display
    from benchmark.commands.requests import measured
    from results.analysis.repeat import findings
    from results.store import Store, read_record

    known = [(path, read_record(path)) for path in args.records]
    held, values = [], {}
    with ExitStack() as stack:
        display = stack.enter_context(Display(sys.stderr))
        out = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isdbench-rerun-")))
        planned = [rebuilt(record, args.root, out, display) for _, record in known]  # all, before any is measured
        for (path, record), jobs in zip(known, planned, strict=True):
            again = measured(jobs, Store(out / "records"), display)[-1]
            found = findings(record, again, args.tolerance)
            values[str(path)] = [asdict(one) for one in found]
            if not args.json:
                _print(path, found)
            held.append(all(one.holds for one in found))
    if args.json:
        print(json.dumps(values, indent=1))
    else:
        print(f"{sum(held)} of {len(held)} records hold")
    return 0 if all(held) else 1


def rebuilt(record: Record, root: Path | None, out: Path, display: Display) -> list[Job]:
    """The jobs that repeat a record's cell on this machine: its base's training where it has one, then its own.

    Raises:
        UserError: the command that made the record cannot be repeated, or would now measure another cell.
    """
    cell, args = record.cell, _arguments(record, root, out)
    planned = _planned(record, args, display)
    matching = [job for job in planned if (job.cell.system, job.cell.kind, job.cell.seed) == _place(cell)]
    changed = [_changed(cell, job.cell) for job in matching]
    if [] not in changed:
        raise UserError(f"{cell.system} {record.key}: {_cannot(record, changed)}")
    job = matching[changed.index([])]
    wanted = [*[one for one in planned if one.weights == job.base_weights][:1], job]
    return [replace(one, command=record.provenance.command) for one in wanted]  # so that these can be repeated as well


def _cannot(record: Record, changed: list[list[str]]) -> str:
    """Why a record cannot be repeated, given how the planned cells differ from its own, and the way out."""
    nearest = min(changed, key=len, default=["what its command measures"])
    what = f"{', '.join(nearest)} {'is' if len(nearest) == 1 else 'are'} no longer as in the record"
    if set(nearest) <= set(DATA):
        return f"{what}: name the folder of the same images with --root"
    commit = record.provenance.git_commit or f"version {record.provenance.suite_version}"
    return f"this version cannot repeat it, {what}; install commit {commit[:12]} and rerun it there"


def _place(cell: Cell) -> tuple[str, str, int]:
    return cell.system, cell.kind, cell.seed


def _changed(cell: Cell, now: Cell) -> list[str]:
    """In words, the fields in which two cells differ, other than what machine they are of."""
    own = {"hardware", "base_key", "device", "protocol"}
    names = [name for name in type(cell).model_fields if name not in own and getattr(cell, name) != getattr(now, name)]
    if cell.protocol != now.protocol:
        fields = type(cell.protocol).model_fields
        names += [name for name in fields if getattr(cell.protocol, name) != getattr(now.protocol, name)]
    return [CODE.get(name, name) for name in names]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def _arguments(record: Record, root: Path | None, out: Path) -> argparse.Namespace:
    """The arguments of the command that made a record, narrowed to its cell, for this machine."""
    cell, words = record.cell, [RENAMED.get(word, word) for word in shlex.split(record.provenance.command)[1:]]
    if not words or words[0] not in ("run", "measure", "sweep"):
        raise UserError(f"{cell.system} {record.key}: its command, '{record.provenance.command}', cannot be repeated")
    parser = _Parser()
    importlib.import_module(f"benchmark.commands.{words[0]}").add_arguments(parser)
    try:
        args = parser.parse_args(words[1:])
    except UserError as error:
        raise UserError(f"{cell.system} {record.key}: this version cannot repeat its command: {error}") from error
    args.command, args.out, args.records, args.profile = words[0], out, None, cell.profile
    args.device, args.threads = "cpu" if cell.device == "cpu" else "cuda", cell.protocol.threads
    if args.command == "run":
        reference = registry.card(cell.system).is_reference
        args.only, args.seed, args.seeds = cell.kind, cell.seed, 1
        if not reference:
            args.systems = (cell.system,)
        elif args.tables:
            args.systems = None  # a reference stands beside whatever else is there
        args.root = root or (None if args.dataset == "synthetic" else args.root)  # its world is made again
    return args


def _planned(record: Record, args: argparse.Namespace, display: Display) -> list[Job]:
    from benchmark.commands.chosen import neutral_table
    from benchmark.commands.requests import cost_options
    from benchmark.commands.run import plan_table
    from benchmark.run.plan import jobs
    from benchmark.run.tables import row_of
    from results.paper import paper_table

    card = registry.card(record.cell.system)
    if args.command == "run":
        tables = [paper_table(name) for name in args.tables or [neutral_table(args)]]
        fitting = [table for table in tables if not card.rows or table.is_neutral or row_of(table, card) is not None]
        return [job for table in fitting for job in plan_table(args, table, display)]
    size = (record.cell.protocol.height, record.cell.protocol.width)
    return jobs(card, args.dataset, cost_options(args, size))


def _print(path: Path, found: Sequence[Finding]) -> None:
    from tabulate import tabulate

    rows = [(one.what, one.recorded, one.repeated, one.remark, "" if one.holds else "DOES NOT HOLD") for one in found]
    print(path)
    print(tabulate(rows, ("", "recorded", "repeated", "", ""), disable_numparse=True))
