"""``isdbench data synth|init|verify|prepare``: the synthetic dataset, and real dataset folders."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmark.commands.options import add_dataset_options, open_dataset, size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    synth = actions.add_parser("synth", help="make the synthetic dataset", description="Make the synthetic dataset.")
    synth.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make it in")
    synth.add_argument("--size", type=size, default=(2448, 2448), metavar="HxW", help="of each image (2448x2448)")
    synth.add_argument("--train", type=int, default=8, metavar="N", help="images to train on (8)")
    synth.add_argument("--test", type=int, default=4, metavar="N", help="images to score (4)")
    synth.add_argument("--seed", type=int, default=0, metavar="N", help="another seed gives other images (0)")
    synth.set_defaults(action=_synth)
    init = actions.add_parser(
        "init",
        help="describe a folder of yours",
        description="Look at a folder of images and masks and write the dataset.toml that describes it.",
    )
    init.add_argument("folder", type=Path, metavar="FOLDER", help="holds the images and masks, at any depth")
    init.add_argument("--print", action="store_true", help="print the card, and write nothing")
    init.set_defaults(action=_init)
    verify = actions.add_parser(
        "verify", help="check a folder", description="Check files, sizes, colours, counts, splits."
    )
    add_dataset_options(verify, default=None, required=True)
    verify.add_argument("--json", action="store_true", help="the report as JSON")
    verify.set_defaults(action=_verify)
    prepare = actions.add_parser(
        "prepare",
        help="bring a dataset into its official layout",
        description="Unpack archives or copy folders into the official layout.",
    )
    add_dataset_options(prepare, default=None, required=True)
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write to")
    prepare.set_defaults(action=_prepare)


def main(args: argparse.Namespace) -> int:
    """Do the action."""
    status: int = args.action(args)
    return status


def _synth(args: argparse.Namespace) -> int:
    from benchmark.commands.progress import bar
    from benchmark.data.synthetic import World, make_world

    with bar(sys.stderr, "pairs") as advance:
        root = make_world(args.out, World(seed=args.seed), args.size, args.train, args.test, advance)
    print(root)
    return 0


def _init(args: argparse.Namespace) -> int:
    from benchmark.data.propose import propose, text_of, write

    card, lines = propose(args.folder)
    print("\n".join(lines))
    if args.print:
        print(f"\n{text_of(card)}", end="")
        return 0
    file = write(card, args.folder)
    print(f"{file}: name the classes there, then use --dataset {file}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from benchmark.commands.progress import bar
    from benchmark.data.verify import verify_folder

    with bar(sys.stderr, "images") as advance:
        report = verify_folder(open_dataset(args.dataset, args.root), advance)
    print(json.dumps(report.as_json(), indent=2) if args.json else "\n".join(report.lines))
    return 0 if report.ok else 1


def _prepare(args: argparse.Namespace) -> int:
    from benchmark import registry
    from benchmark.commands.progress import bar
    from benchmark.data.prepare import prepare

    with bar(sys.stderr, "images") as advance:
        report = prepare(registry.dataset(args.dataset), args.root, args.out, advance)
    print("\n".join(report.lines))
    return 0 if report.ok else 1
