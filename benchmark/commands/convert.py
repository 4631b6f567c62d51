"""``isdbench convert SYSTEM OFFICIAL.pth... OUT.safetensors``: a published checkpoint in our layout."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark import registry

NAMED = 3  # keys named in one line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system, its published files and ours."""
    parser.add_argument("system", help="see 'isdbench systems'")
    help_ = (
        "the published file; of a system with several, all of them: in any order under their published names, else in "
        "the order that 'isdbench convert SYSTEM . OUT' names; nothing in them is executed"
    )
    parser.add_argument("official", type=Path, metavar="OFFICIAL", nargs="+", help=help_)
    parser.add_argument("out", type=Path, metavar="OUT", help="the file to write, .safetensors")


def main(args: argparse.Namespace) -> int:
    """Convert, and report what happened to every key."""
    card = registry.card(args.system)
    from benchmark.weights.convert import convert

    done = convert(card, args.official, args.out)
    print(f"{args.out}: {done.converted} tensor{'s' * (done.converted != 1)} for {done.num_classes} classes")
    for what, keys in (
        ("dropped on purpose", done.dropped),
        ("unused", done.unused),
        ("missing and left as built", done.missing),
    ):
        if keys:
            more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            print(f"{what}: {len(keys)} ({', '.join(keys[:NAMED])}{more})")
    return 0
