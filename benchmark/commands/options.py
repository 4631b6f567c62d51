"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.errors import UserError
from benchmark.run.profiles import PROFILES
from benchmark.run.timing_variants import TIMING_VARIANTS

if TYPE_CHECKING:
    from benchmark.data.base import Dataset

FORMATS = ("md", "tex", "html", "csv")


def add_dataset_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """``--dataset`` and ``--root``."""
    parser.add_argument("--dataset", default=default, required=default is None, help="see 'isdbench datasets'")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of the dataset")


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Precision, switches, threads, and what is timed: what comparable costs have in common."""
    parser.add_argument(
        "--protocol",
        default="full-scale",
        metavar="NAME",
        help=f"what is timed: {', '.join(TIMING_VARIANTS)} (full-scale)",
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    parser.add_argument("--compile", action="store_true", help="torch.compile the timed system first")
    parser.add_argument("--channels-last", action="store_true", help="memory layout of the timed system")
    parser.add_argument("--tf32", action="store_true", help="allow TF32 in float32 products")
    parser.add_argument("--cudnn-benchmark", action="store_true", help="let cuDNN choose its fastest algorithms")
    parser.add_argument("--deterministic", action="store_true", help="use deterministic algorithms only")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads (all that this process may use)")


def protocol_words(args: argparse.Namespace) -> list[str]:
    """The words on a command line that give these protocol options, for another installation."""
    switches = ("compile", "channels_last", "tf32", "cudnn_benchmark", "deterministic")
    words = ["--protocol", args.protocol, "--precision", args.precision]
    words += [f"--{name.replace('_', '-')}" for name in switches if getattr(args, name)]
    return words + (["--threads", str(args.threads)] if args.threads else [])


def add_cost_options(parser: argparse.ArgumentParser) -> None:
    """What ``measure`` and ``sweep`` share."""
    add_protocol_options(parser)
    parser.add_argument(
        "--smallest-budget", action="store_true", help="also search for the least memory in which the system runs"
    )
    parser.add_argument("--profile", default="smoke", help=f"how many samples: {', '.join(PROFILES)} (smoke)")
    parser.add_argument("--dataset", default="deepglobe", help="which sets the number of classes (deepglobe)")
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="output folder (out)")
    add_device_option(parser)


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': give a whole number, 1 or more")
    return int(text)


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """``--records``, ``--out`` and ``--format``."""
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="output folder (out)")
    parser.add_argument(
        "--format", type=formats, default=FORMATS, metavar="LIST", help=f"what to write: {','.join(FORMATS)}"
    )


def formats(text: str) -> tuple[str, ...]:
    """The formats of a comma-separated list."""
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(FORMATS):
        raise argparse.ArgumentTypeError(f"'{text}': choose from {','.join(FORMATS)}")
    return chosen


def size(text: str) -> tuple[int, int]:
    """(height, width) of "2448x2448": height first, as in the paper's 1024x2048."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or min(map(int, match.groups())) < 32:
        raise argparse.ArgumentTypeError(f"'{text}': give HEIGHTxWIDTH in pixels, 32 or more, such as 2448x2448")
    return int(match[1]), int(match[2])


def open_dataset(name: str, root: Path | None) -> Dataset:
    """The dataset of a name in a folder.

    Raises:
        UserError: no folder given, or not this dataset's; an unknown name.
    """
    kind = registry.dataset(name)
    if root is None:
        raise UserError(
            f"--root is missing: give the folder that holds {kind.info.title}; get it from {kind.info.where}"
        )
    return kind(root)
