"""``isdbench compare BASE HEAD``: is anything slower, larger or worse? Exit status 1 on a significant regression."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UserError

if TYPE_CHECKING:
    from results.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two sides, the machine's noise, and the output."""
    parser.add_argument("base", type=Path, metavar="BASE", help="records of the old code: a folder or a file")
    parser.add_argument("head", type=Path, metavar="HEAD", help="records of the new code")
    parser.add_argument(
        "--noise", type=Path, metavar="DIR", help="more records of the old code, which show how much the machine varies"
    )
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the summary to a file")


def main(args: argparse.Namespace) -> int:
    """Compare and print the summary. 1 if there is a significant regression."""
    from reports.writers.comparison import render
    from results.analysis.compare import compare

    noise = _load(args.noise, "--noise") if args.noise else ()
    comparison = compare(_load(args.base, "BASE"), _load(args.head, "HEAD"), noise)
    text = render(comparison)
    if args.markdown:
        try:
            args.markdown.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"--markdown {args.markdown}: cannot be written: {error.strerror}") from error
    print(comparison.model_dump_json(indent=1) if args.json else text, end="\n" if args.json else "")
    return 1 if comparison.verdict == "fail" else 0


def _load(path: Path, option: str) -> tuple[Record, ...]:
    from benchmark.commands.report import name_problems
    from results.analysis.compare import load

    records, problems = load(path, option)
    name_problems(problems)
    return records
