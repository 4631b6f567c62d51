"""``isdbench records gc|validate|supersede``: the upkeep of a folder of records, and what others submit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmark.commands.options import add_store_options
from benchmark.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    gc = actions.add_parser(
        "gc",
        help="remove what killed runs left",
        description="Remove half-written files, checkpoints of cells on record and expired leases. Records stay.",
    )
    add_store_options(gc)
    gc.set_defaults(action=_gc)
    validate = actions.add_parser(
        "validate",
        help="check records by the rules for submissions",
        description="Check records by the rules for submissions. 1 if one is refused.",
    )
    validate.add_argument("files", nargs="*", type=Path, metavar="FILE", help="records, or folders of them")
    validate.add_argument("--beside", type=Path, metavar="DIR", help="records that no file may be a copy of")
    validate.add_argument("--rules", action="store_true", help="list the rules")
    validate.add_argument("--json", action="store_true", help="the findings as JSON")
    validate.set_defaults(action=_validate)
    supersede = actions.add_parser(
        "supersede",
        help="take records back, with a reason",
        description="Take records back: reports leave them out and their cells run again. The files stay.",
    )
    supersede.add_argument("files", nargs="+", type=Path, metavar="FILE", help="records")
    supersede.add_argument("--reason", required=True, metavar="TEXT", help="what is wrong, or what replaces them")
    supersede.set_defaults(action=_supersede)


def main(args: argparse.Namespace) -> int:
    """Do the action."""
    status: int = args.action(args)
    return status


def _gc(args: argparse.Namespace) -> int:
    records = args.records or args.out / "records"
    if not records.is_dir() and not args.out.is_dir():
        raise UserError(f"--records {records}, --out {args.out}: no such folders")
    freed = 0
    try:
        for file in dict.fromkeys(_leftovers(records, args.out)):
            freed += file.stat().st_size
            file.unlink()
            print(file)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be removed: {error.strerror}") from error
    print(f"isdbench: {freed / 2**20:.1f} MiB freed", file=sys.stderr)
    return 0


def _leftovers(records: Path, out: Path) -> Iterator[Path]:
    from benchmark.run.worker import partial_results
    from results.store import Store
    from results.upkeep import stale_files

    for folder in (records, out):
        if folder.is_dir():
            yield from stale_files(folder)
    for work in sorted((out / "work").glob("*")):
        if records.is_dir() and Store(records).find(work.name):
            yield from partial_results(work)


def _validate(args: argparse.Namespace) -> int:
    from benchmark.rules.check import RULES, check
    from results.store import Store

    if args.rules:
        for rule in RULES:
            print(f"{rule.id}: {rule.reason}. {'To mend' if rule.refuses else 'Looked at by a person'}: {rule.fix}.")
        return 0
    files = [file for path in args.files for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise UserError("no record to check: name files, or a folder that holds some")
    found = check(files, Store(args.beside, "--beside").read().records if args.beside else ())
    refused = [path for path, findings in found.items() if any(finding.rule.refuses for finding in findings)]
    if args.json:
        print(
            json.dumps({str(path): [one.as_dict() for one in findings] for path, findings in found.items()}, indent=1)
        )
        return 1 if refused else 0
    for path, findings in found.items():
        print(f"{path}: {'refused' if path in refused else 'to be looked at' if findings else 'ok'}")
        for one in findings:
            print(f"  {one.rule.id}: {one.what} ({one.rule.reason}). To mend: {one.rule.fix}.")
    print(f"isdbench: {len(refused)} of {len(found)} refused", file=sys.stderr)
    return 1 if refused else 0


def _supersede(args: argparse.Namespace) -> int:
    from results.upkeep import supersede

    for file in args.files:
        print(supersede(file, args.reason))
    return 0
