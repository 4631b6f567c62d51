"""``isdbench systems``: what can be run, with fidelity, parameters, source and the printed rows it feeds."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from benchmark import registry
from benchmark.card import Card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="all facts of every card, as JSON")


def _facts(card: Card) -> dict[str, Any]:
    facts = dataclasses.asdict(card)
    return {**facts, "inference": {"kind": type(card.inference).__name__, **facts["inference"]}}


def main(args: argparse.Namespace) -> int:
    """Print the list."""
    cards = registry.cards().values()
    if args.json:
        print(json.dumps([_facts(card) for card in cards], indent=2))
        return 0
    from tabulate import tabulate

    rows = [
        (card.name, card.title, card.fidelity, f"{card.parameters / 1e6:.2f}", card.source, " ".join(card.rows))
        for card in cards
    ]
    headers = ("system", "title", "fidelity", "parameters (M, 7 classes)", "source", "rows of the paper")
    print(tabulate(rows, headers, disable_numparse=True))
    return 0
