"""``isdbench audit``: the paper's claims and printed speeds, checked against its own tables and our records."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.commands.options import names
from benchmark.commands.report import name_problems, system_facts

if TYPE_CHECKING:
    from reports.paper_check.claims import Finding
    from reports.paper_check.plausibility import Speed
    from reports.paper_check.throughput import Throughput
    from results.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the records are, what to write, and whether to count FLOPs again."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON and write no file")
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records, if it exists)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="for audit.md (out)")
    parser.add_argument(
        "--refresh-flops",
        nargs="?",
        type=names,
        const=(),
        metavar="A,B",
        help="first count FLOPs at the paper's sizes again: of these systems, or of all (takes minutes)",
    )


def main(args: argparse.Namespace) -> int:
    """Check all claims, print the verdicts that are not good, write audit.md."""
    from reports.paper_check.claims import audit
    from reports.paper_check.plausibility import speeds
    from reports.paper_check.throughput import throughputs
    from results.paper.flops import read_flops

    if args.refresh_flops is not None:
        _refresh(args.refresh_flops)
    facts = system_facts()
    findings, printed = audit(_records(args), facts), speeds(facts, read_flops())
    if args.json:
        print(_as_json(findings, printed, throughputs()))
        return 0
    from reports.writers.audit_page import audit_page
    from reports.writers.pages import write_page

    _print(findings, printed)
    print(write_page(args.out, "audit.md", audit_page(findings, printed, throughputs())))
    return 0


def _records(args: argparse.Namespace) -> Sequence[Record]:
    """The records that the claims are tested with; none if nothing has been run and ``--records`` is not given."""
    from results.store import Store

    folder = args.records or args.out / "records"
    if args.records is None and not folder.is_dir():
        return ()
    contents = Store(folder).read()
    name_problems(contents.problems)
    return contents.records


def _refresh(systems: Sequence[str]) -> None:
    """Count FLOPs again and write flops.json. Counting all systems also drops those that no longer exist."""
    from benchmark.cost.paper_flops import counted
    from results.paper.flops import read_flops, write_flops

    def told(name: str) -> None:
        print(f"isdbench: counting {name}", file=sys.stderr)

    if not systems:
        write_flops(counted(registry.cards().values(), told))
    for card in [registry.card(name) for name in systems]:
        write_flops(read_flops().updated(counted([card], told)))


def _as_json(findings: Sequence[Finding], printed: Sequence[Speed], nets: Sequence[Throughput]) -> str:
    speed_facts = [
        {
            **dataclasses.asdict(speed),
            "tflops_per_second": speed.tflops_per_second,
            "tflops_per_second_reduced": speed.tflops_per_second_reduced,
            "verdict": speed.verdict,
        }
        for speed in printed
    ]
    net_facts = [{**dataclasses.asdict(net), "verdict": net.verdict} for net in nets]
    claims = [dataclasses.asdict(finding) for finding in findings]
    return json.dumps({"claims": claims, "speeds": speed_facts, "throughputs": net_facts}, indent=2)


def _read(finding: Finding) -> str:
    return f"read as: {finding.claim.reading}" if finding.claim.reading else ""


def _print(findings: Sequence[Finding], printed: Sequence[Speed]) -> None:
    from tabulate import tabulate

    sound = [finding for finding in findings if finding.verdict.startswith("holds")]
    unbound = [finding for finding in findings if finding.verdict == "no bound stated"]
    bad = [finding for finding in findings if finding not in sound + unbound]
    rows = [
        (
            finding.claim.name,
            finding.verdict,
            "; ".join(filter(None, [finding.recomputed, finding.why, _read(finding)])),
        )
        for finding in bad
    ]
    print(
        f"{len(sound)} of {len(findings)} claims hold by the paper's own numbers, {len(unbound)} state no bound "
        "to test; these do not hold, are in doubt or depend on the reading:"
    )
    print(tabulate(rows, ("claim", "verdict", "because"), disable_numparse=True, maxcolwidths=[None, 24, 80]))
    doubted = [speed for speed in printed if not speed.alternative and speed.verdict not in ("possible", "quoted")]
    lines = [(f"{speed.table}/{speed.row}", f"{speed.fps.text} FPS", speed.verdict) for speed in doubted]
    print("\nPrinted speeds that the named card may not reach, by the main reading of each row:")
    print(tabulate(lines, ("row", "speed", "verdict"), disable_numparse=True))
