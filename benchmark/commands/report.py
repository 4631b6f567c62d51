"""``isdbench report``: tables, plots, rank agreement, audit and dashboard from the records in a folder."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.options import add_format_option, add_quiet_option, add_store_options, names
from benchmark.errors import UserError
from results.paper import OWN_TABLES, TABLE_NAMES, paper_table

if TYPE_CHECKING:
    from reports.tables.table import SystemFacts, Table
    from results.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the records are, and what to write."""
    parser.add_argument(
        "--tables",
        type=names,
        default=(*TABLE_NAMES, *OWN_TABLES),
        metavar="A,B",
        help="which tables (all)",
    )
    parser.add_argument(
        "--refresh",
        nargs="+",
        type=Path,
        default=(),
        metavar="FILE",
        help="Markdown files in which these tables are renewed",
    )
    parser.add_argument(
        "--no-figures", dest="figures", action="store_false", help="leave out the plots, which take most of the time"
    )
    add_store_options(parser)
    add_format_option(parser)
    add_quiet_option(parser)


def main(args: argparse.Namespace) -> int:
    """Write everything for which there are records; name the files that are not records. 1 if there is one."""
    from reports.writers.outdated_page import outdated
    from results.store import Store

    for name in args.tables:
        paper_table(name)
    contents = Store(args.records or args.out / "records").read()
    name_problems(contents.problems)
    tables = write_tables(args.tables, contents.records, args.out, args.format)
    for path in write_views(tables, contents.records, args.out, figures=args.figures):
        print(path)
    refresh(args.refresh, tables, contents.records, args.tables)
    if contents.problems:
        total = len(contents.records) + len(contents.problems)
        print(f"isdbench: {len(contents.problems)} of {total} records left out, named above", file=sys.stderr)
    if old := outdated(contents.records):
        what = f"{len(old)} of {len(contents.records)} records are of older metrics"
        print(f"isdbench: {what}; {args.out / 'outdated.md'} lists them", file=sys.stderr)
    return 1 if contents.problems else 0


def name_problems(problems: Iterable[str]) -> None:
    """Print a line for each file that is not a record."""
    for problem in problems:
        print(f"isdbench: left out: {problem}", file=sys.stderr)


def write_views(tables: Sequence[Table], records: Sequence[Record], out: Path, *, figures: bool = True) -> list[Path]:
    """Write the audit, the dashboard and, if asked for, the figures under ``out``; return their paths."""
    from benchmark.machine.device import cpu_threads
    from reports.dashboard.page import page
    from reports.paper_check.claims import audit
    from reports.paper_check.plausibility import speeds
    from reports.paper_check.throughput import throughputs
    from reports.plots.draw import write_figures
    from reports.writers.audit_page import audit_page
    from reports.writers.optimized_page import optimized_page
    from reports.writers.outdated_page import outdated_page
    from reports.writers.pages import write_page
    from reports.writers.repeats_page import repeats_page
    from results.analysis.repeat import repetitions
    from results.paper.flops import read_flops

    facts = system_facts(records)
    findings, printed = audit(records, facts), speeds(facts, read_flops())
    repeated = repetitions(records)
    return [
        *(write_figures(records, tables, out / "figures", cpu_threads()) if figures else ()),
        write_page(out, "audit.md", audit_page(findings, printed, throughputs())),
        write_page(out, "optimized.md", optimized_page(records)),
        write_page(out, "outdated.md", outdated_page(records)),
        write_page(out, "repeats.md", repeats_page(repeated)),
        write_page(out, "dashboard.html", page(tables, records, findings, printed, repeated, out / "examples")),
    ]


def write_tables(wanted: Sequence[str], records: Sequence[Record], out: Path, formats: Sequence[str]) -> list[Table]:
    """Print the tables, write them under ``out``, say where, and name the rows that have no value of ours."""
    from rich.console import Console

    from reports.analysis.agreement import agreements
    from reports.analysis.ranking import rankings
    from reports.tables.build import build_tables, missing
    from reports.writers import terminal
    from reports.writers.agreement_page import agreement_page
    from reports.writers.cost_page import cost_page
    from reports.writers.files import write_reports
    from reports.writers.pages import write_page
    from reports.writers.ranking_page import ranking_page

    facts, console = system_facts(records), Console(highlight=False)
    tables = build_tables(records, facts, wanted)
    if not tables:
        print(f"isdbench: no record feeds {', '.join(wanted)}; make some with 'isdbench run'", file=sys.stderr)
    for table in tables:
        terminal.show(table, console)
        for reason, rows in missing(table).items():
            print(f"{table.name}: {reason}: {', '.join(rows)}")
    for path in write_reports(tables, out, formats):
        print(path)
    if tables and "md" in formats:
        print(write_page(out, "agreement.md", agreement_page(agreements(tables))))
        print(write_page(out, "ranking.md", ranking_page(rankings(tables, records))))
        print(write_page(out, "costs.md", cost_page(records)))
    return tables


def refresh(files: Sequence[Path], tables: Sequence[Table], records: Sequence[Record], wanted: Sequence[str]) -> None:
    """Renew the blocks of Markdown files that show the tables that were asked for; the findings, if all were.

    Raises:
        UserError: a file cannot be read or written, or a block in it has no end.
    """
    from reports.analysis.findings import findings
    from reports.writers.blocks import contents, renewed
    from reports.writers.optimized_page import optimized_lines

    if not files:
        return
    all_asked_for = set(TABLE_NAMES) <= set(wanted)
    blocks = contents(tables, wanted, findings(records, system_facts()) if all_asked_for else None)
    blocks["optimized"] = f"\n{optimized_lines(records)}\n\n"
    for file in files:
        try:
            file.write_text(renewed(file.read_text(encoding="utf-8"), blocks), encoding="utf-8", newline="\n")
        except (OSError, ValueError) as error:
            raise UserError(f"--refresh {file}: {error}") from error


def system_facts(records: Iterable[Record] = ()) -> list[SystemFacts]:
    """What reports print about each system with a card, and about those of the records that have none: "smp:..."."""
    from benchmark import registry
    from reports.tables.table import SystemFacts

    cards = dict(registry.cards())
    for name in {record.cell.system for record in records} - cards.keys():
        with contextlib.suppress(UserError):  # of a package that is not installed here
            cards[name] = registry.card(name)
    return [
        SystemFacts(
            name=card.name,
            title=card.title,
            fidelity=card.fidelity,
            configured_for=card.configured_for,
            parameters=card.parameters,
            remark=card.remark,
            rows=card.rows,
            source=card.source,
            assumptions=card.assumptions,
        )
        for card in cards.values()
    ]
