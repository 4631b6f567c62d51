"""What a command line asks to compare: systems by name or pattern, and the table they stand in."""

from __future__ import annotations

import argparse
import fnmatch
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark import registry
from benchmark.errors import UserError
from benchmark.run.tables import row_of, systems_of
from results.paper import NEUTRAL

if TYPE_CHECKING:
    from results.paper import PaperTable

WILD = re.compile(r"^!|[*?[]")  # of a pattern that names systems


def chosen_systems(patterns: Sequence[str] | None, table: PaperTable) -> tuple[str, ...] | None:
    """The systems that patterns name: "isdnet", "unet*" of the table's systems, "!fctl" for all others.

    None, for the table's own list, where there are no patterns.

    Raises:
        UserError: a pattern fits no system of the table, or nothing is left.
    """
    if not patterns:
        return None
    cards = registry.cards()
    fitting = [name for name, card in cards.items() if table.is_neutral or row_of(table, card) is not None]
    wanted = [pattern for pattern in patterns if pattern[0] != "!"] or systems_of(table, cards)
    found: dict[str, None] = {}
    for pattern in wanted:
        fits = fnmatch.filter(fitting, pattern) if WILD.search(pattern) else [pattern]
        if not fits:
            raise UserError(f"--systems {pattern}: fits no system of {table.name}; see 'isdbench systems'")
        found |= dict.fromkeys(fits)
    unwanted = [pattern[1:] for pattern in patterns if pattern[0] == "!"]
    left = tuple(name for name in found if not any(fnmatch.fnmatchcase(name, pattern) for pattern in unwanted))
    if not left:
        raise UserError(f"--systems {','.join(patterns)}: no system is left")
    return left


def neutral_table(args: argparse.Namespace) -> str:
    """The table that compares the systems that were named with each other; synthetic images stand for DeepGlobe's.

    Raises:
        UserError: no system was named.
    """
    if not any(pattern[0] != "!" for pattern in args.systems or ()):
        raise UserError("name a table, or the systems to compare with --systems A,B")
    return NEUTRAL + ("deepglobe" if args.dataset == "synthetic" else registry.dataset(args.dataset).info.name)
