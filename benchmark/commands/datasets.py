"""``isdbench datasets``: the datasets, their classes, their splits and where to get them."""

from __future__ import annotations

import argparse
import dataclasses
import json

from benchmark import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="all facts of every dataset, as JSON")


def main(args: argparse.Namespace) -> int:
    """Print the list."""
    infos = [kind.info for kind in registry.datasets().values()]
    if args.json:
        print(json.dumps([dataclasses.asdict(info) for info in infos], indent=2))
        return 0
    from tabulate import tabulate

    rows = [
        (info.name, info.title, len(info.classes), "x".join(map(str, info.image_size)), info.licence, info.where)
        for info in infos
    ]
    print(tabulate(rows, ("dataset", "title", "classes", "image (H x W)", "licence", "where to get it")))
    return 0
