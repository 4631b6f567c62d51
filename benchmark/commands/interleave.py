"""``isdbench interleave BASE_ENV HEAD_ENV``: measure two installations alternately, for ``isdbench compare``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmark.commands.options import (
    add_device_option,
    add_protocol_options,
    add_timing_options,
    names,
    protocol_words,
    size,
)
from benchmark.errors import UserError
from benchmark.run.profiles import PROFILES

ROUNDS = 16  # at ten processes to a core, 8 left a slow-down of 10 % open more often than not


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two environments, and what to measure in them."""
    parser.add_argument("base", type=Path, metavar="BASE_ENV", help="folder of the Python environment of the base")
    parser.add_argument("head", type=Path, metavar="HEAD_ENV", help="the same of the head")
    parser.add_argument("--systems", type=names, required=True, metavar="A,B", help="see 'isdbench systems'")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"records of each side ({ROUNDS})")
    parser.add_argument("--out", type=Path, default=Path("out/compare"), metavar="DIR", help="out/compare")
    parser.add_argument("--size", type=size, default=(512, 512), metavar="HxW", help="of the image (512x512)")
    parser.add_argument("--profile", default="smoke", help=f"how many samples: {', '.join(PROFILES)} (smoke)")
    add_device_option(parser)
    add_timing_options(parser)
    add_protocol_options(parser)


def main(args: argparse.Namespace) -> int:
    """Measure, and leave the records in OUT/base, OUT/head and OUT/noise."""
    from benchmark.run.interleave import interleave

    if args.rounds < 1:
        raise UserError(f"--rounds {args.rounds}: must be 1 or more")

    def tell(system: str, done: int, total: int) -> None:
        print(f"{system}: round {done} of {total}", file=sys.stderr, flush=True)

    height, width = args.size
    options = ["--size", f"{height}x{width}", "--profile", args.profile, "--device", args.device]
    options += protocol_words(args)
    interleave(args.base, args.head, args.systems, options, args.rounds, args.out, tell)
    for side in ("base", "head", "noise"):
        print(args.out / side)
    return 0
