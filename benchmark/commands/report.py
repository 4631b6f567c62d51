"""``isdbench report``: tables from the records in a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.options import add_store_options
from results.paper import TABLE_NAMES

if TYPE_CHECKING:
    from reports.table import SystemFacts
    from results.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the records are, and what to write."""
    parser.add_argument(
        "--tables", nargs="+", choices=TABLE_NAMES, default=TABLE_NAMES, metavar="TABLE", help="which (all)"
    )
    add_store_options(parser)


def main(args: argparse.Namespace) -> int:
    """Write the tables that the records can fill; name the files that are no records."""
    from results.store import Store

    contents = Store(args.records or args.out / "records").read()
    for problem in contents.problems:
        print(f"isdbench: left out: {problem}", file=sys.stderr)
    write_tables(args.tables, contents.records, args.out, args.format)
    return 0


def write_tables(names: Sequence[str], records: Sequence[Record], out: Path, formats: Sequence[str]) -> None:
    """Print the tables, write them under ``out`` and say where."""
    from rich.console import Console

    from reports.build import build_tables, write_reports
    from reports.writers import terminal

    facts, console = system_facts(), Console(highlight=False)
    tables = build_tables(records, facts, names)
    if not tables:
        print(f"isdbench: no record feeds {', '.join(names)}; make some with 'isdbench run'", file=sys.stderr)
    for table in tables:
        terminal.show(table, console)
    for path in write_reports(records, facts, out, formats, names):
        print(path)


def system_facts() -> list[SystemFacts]:
    """What reports say of each system."""
    from benchmark import registry
    from reports.table import SystemFacts

    return [
        SystemFacts(card.name, card.title, card.fidelity, card.parameters, rows=card.rows, source=card.source)
        for card in registry.cards().values()
    ]
