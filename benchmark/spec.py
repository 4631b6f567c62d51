"""A system as one object: its card, how to build it, and how to read its published checkpoints. Imports no torch.

A module with systems holds ``SYSTEMS``, a tuple of specs. The registry finds such modules by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.card import Card

if TYPE_CHECKING:
    from benchmark.system import System

KeyMap = Callable[[str], str | None]


@dataclass(frozen=True)
class SystemSpec:
    """One named system.

    Attributes:
        card: everything about it that can be said without torch.
        build: ``build(card, num_classes)`` returns the system with random weights from torch's current seed. ``card``
            is this card, possibly scaled by :meth:`Card.at`. The builder of a refiner (``card.base`` is not empty)
            takes the base system as a third argument. It imports torch inside, not at the top of its file.
        key_map: our name for each key of the published checkpoint, or None for a key that is dropped on purpose.
            Authors who publish several files have one such function per file name, in the order in which the files are
            read: a later file overwrites an earlier one. None: no published checkpoint can be converted.
    """

    card: Card
    build: Callable[..., System]
    key_map: KeyMap | Mapping[str, KeyMap] | None = None

    @property
    def key_maps(self) -> dict[str, KeyMap]:
        """The key map of each published file; a single file goes by a description, since its name is not fixed."""
        if self.key_map is None:
            return {}
        if isinstance(self.key_map, Mapping):
            return dict(self.key_map)
        return {f"the published file of {self.card.name}": self.key_map}
