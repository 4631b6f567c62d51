"""``isdbench check SYSTEM``: does a system keep the contract, and is its card right?"""

from __future__ import annotations

import argparse
import json

from benchmark import registry
from benchmark.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The system."""
    parser.add_argument("system", help="see 'isdbench systems'")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def main(args: argparse.Namespace) -> int:
    """Print a line for each check. 1 if one fails.

    Raises:
        UserError: the system is a reference, which is no net.
    """
    from benchmark.rules.contract import CHECKS, failure, subject

    card = registry.card(args.system)
    if card.is_reference:
        raise UserError(f"'{card.name}' is a reference row, no net: the contract is that of nets")
    one = subject(card)
    found = {check.__name__: failure(check, one) for check in CHECKS}
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        for check in CHECKS:
            said = found[check.__name__]
            what = str(check.__doc__).strip(".").replace("``", "")
            print(f"{'FAILED' if said else 'ok':7}{what}{f': {said}' if said else ''}")
    return 1 if any(found.values()) else 0
