"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.errors import UserError
from benchmark.run.profiles import PROFILES
from benchmark.run.timing_variants import DEFAULT_TIMING, TIMING_VARIANTS

if TYPE_CHECKING:
    from benchmark.data.base import Dataset

FORMATS = ("md", "tex", "html", "csv")


def add_quiet_option(parser: argparse.ArgumentParser) -> None:
    """``--quiet``; the command line itself silences standard output."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but what went wrong; write files as always")


def add_json_option(parser: argparse.ArgumentParser, what: str) -> None:
    """``--json``: ``what`` goes to standard output as JSON, and nothing else does."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON; all else goes to standard error")


def add_dataset_options(parser: argparse.ArgumentParser, default: str | None, *, required: bool = False) -> None:
    """``--dataset`` and ``--root``."""
    parser.add_argument(
        "--dataset", default=default, required=required, help="see 'isdbench datasets'; or a dataset.toml"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="the folder of the dataset")


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def add_timing_options(parser: argparse.ArgumentParser) -> None:
    """What is timed; training and scores do not depend on it."""
    parser.add_argument(
        "--timing",
        default=DEFAULT_TIMING,
        metavar="NAME",
        help=f"what is timed: {', '.join(TIMING_VARIANTS)} ({DEFAULT_TIMING})",
    )
    parser.add_argument(
        "--repeats", type=positive, metavar="N", help="timed calls of each region, 6 or more, instead of the profile's"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile the timed system first")
    parser.add_argument("--channels-last", action="store_true", help="memory layout of the timed system")
    parser.add_argument(
        "--optimized",
        action="store_true",
        help="time the fastest form of each system (layout, precision, torch.compile) that keeps 99.9 %% of its labels",
    )


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Precision, switches and threads, of training as of timing."""
    add_precision_option(parser)
    parser.add_argument("--tf32", action="store_true", help="allow TF32 in float32 products")
    parser.add_argument("--cudnn-benchmark", action="store_true", help="let cuDNN choose its fastest algorithms")
    parser.add_argument("--deterministic", action="store_true", help="use deterministic algorithms only")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads (all that this process may use)")


def add_precision_option(parser: argparse.ArgumentParser) -> None:
    """``--precision``."""
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "bf16"),
        default="fp32",
        help="of convolutions and matrix products; refused where the device has no instructions for it (fp32)",
    )


def protocol_words(args: argparse.Namespace) -> list[str]:
    """The words on a command line that give these options, for another installation, perhaps an older one."""
    switches = ("compile", "channels_last", "optimized", "tf32", "cudnn_benchmark", "deterministic")
    words = ["--precision", args.precision]
    words += ["--timing", args.timing] if args.timing != DEFAULT_TIMING else []
    words += ["--repeats", str(args.repeats)] if args.repeats else []
    words += [f"--{name.replace('_', '-')}" for name in switches if getattr(args, name)]
    return words + (["--threads", str(args.threads)] if args.threads else [])


def add_cost_options(parser: argparse.ArgumentParser) -> None:
    """What ``measure`` and ``sweep`` share."""
    add_timing_options(parser)
    add_protocol_options(parser)
    parser.add_argument(
        "--smallest-budget", action="store_true", help="also search for the least memory in which the system runs"
    )
    parser.add_argument("--profile", default="smoke", help=f"how many samples: {', '.join(PROFILES)} (smoke)")
    parser.add_argument("--dataset", default="deepglobe", help="which sets the number of classes (deepglobe)")
    add_store_options(parser)
    add_device_option(parser)


def names(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list: systems, tables, images."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}': give names separated by commas")
    return found


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': give a whole number, 1 or more")
    return int(text)


def positive_number(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}': give a number above 0")
    return number


def share(text: str) -> float:
    """A number above 0 and up to 1."""
    number = positive_number(text)
    if number > 1:
        raise argparse.ArgumentTypeError(f"'{text}': give a number above 0 and up to 1")
    return number


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """``--records`` and ``--out``."""
    parser.add_argument("--records", type=Path, metavar="DIR", help="the record store (OUT/records)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="output folder (out)")


def add_format_option(parser: argparse.ArgumentParser) -> None:
    """``--format``, of tables."""
    parser.add_argument(
        "--format", type=formats, default=FORMATS, metavar="LIST", help=f"what to write: {','.join(FORMATS)}"
    )


def formats(text: str) -> tuple[str, ...]:
    """The formats of a comma-separated list."""
    chosen = names(text)
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
    if root is None and name.endswith(".toml"):
        root = Path(name).parent
    if root is None:
        raise UserError(
            f"--root is missing: give the folder that holds {kind.info.title}; get it from {kind.info.where}"
        )
    return kind(root)
