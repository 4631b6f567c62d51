"""Finds systems and datasets: our own folders first, then the entry points of other packages.

A system module holds ``CARDS`` and ``build(card, num_classes)``, a refiner's ``build(card, num_classes, base)``; a
dataset module holds ``DATASET``. Other packages name such modules under the entry points ``isdbench.systems`` and
``isdbench.datasets``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from benchmark.card import Card, Recipe
from benchmark.errors import UnknownNameError, UserError

if TYPE_CHECKING:
    from benchmark.data.base import Dataset
    from benchmark.system import System


@cache
def cards() -> dict[str, Card]:
    """All cards by name, ISDNet first. Imports no torch unless another package's module does."""
    found: dict[str, Card] = {}
    for module in _system_modules():
        for card in module.CARDS:
            if card.name in found:
                raise UserError(
                    f"two systems are named '{card.name}'; the second is in {module.__name__}: rename it there"
                )
            found[card.name] = card
            _HOMES[card.name] = module
    return found


def card(name: str) -> Card:
    """The card of a system, or of a refiner on a system: "segfix(base=unet-global)".

    Raises:
        UnknownNameError: there is no such system; the nearest name is given.
    """
    refiner = _REFINER.fullmatch(name)
    if refiner:
        return _on_base(card(refiner["name"]), card(refiner["base"]), name)
    if "(" in name:
        raise UserError(f"system '{name}': write a refiner on another system as REFINER(base=SYSTEM)")
    if name not in cards():
        raise UnknownNameError("system", name, cards())
    return cards()[name]


def _on_base(refiner: Card, base: Card, name: str) -> Card:
    """A refiner's card on another coarse system than the one it names."""
    if not refiner.base:
        known = ", ".join(one.name for one in cards().values() if one.base)
        raise UserError(f"system '{name}': '{refiner.name}' refines no other system; those that do: {known}")
    if base.base:
        raise UserError(f"system '{name}': '{base.name}' is a refiner itself; name a base that is none")
    usual = card(refiner.base)
    own_files = tuple(file for file in refiner.imagenet if file not in usual.imagenet)
    return replace(
        refiner,
        name=name,
        base=base.name,
        rows=(),
        remark="",
        title=f"{refiner.title} on {base.title}",
        parameters=refiner.parameters - usual.parameters + base.parameters,
        imagenet=(*base.imagenet, *own_files),
        backbone=_beside(refiner.backbone, usual.backbone, base.backbone),
        heavy=refiner.heavy or base.heavy,
        auxiliary=_beside(refiner.auxiliary, usual.auxiliary, base.auxiliary),
        assumptions=tuple(assumption for assumption in refiner.assumptions if not assumption.startswith("base")),
        recipes={name: _trained_after(recipe, refiner, usual) for name, recipe in base.recipes.items()},
    )


def _beside(own: str, usual: str, base: str) -> str:
    """What a base's card says, and the refiner's own words where it has others than its usual base."""
    return base if own == usual else f"{base}; {own}"


def _trained_after(recipe: Recipe, refiner: Card, usual: Card) -> Recipe:
    """A base's recipe followed by the refiner's own stages: those that its usual base's recipe does not have."""
    own = next(iter(refiner.recipes.values())).stages
    before = next(iter(usual.recipes.values())).stages or {"main": {}}
    for stage, settings in own.items():
        if stage not in before:
            recipe = recipe.then(stage, **settings)
    return recipe


def home(card: Card) -> ModuleType:
    """The module that holds a card."""
    cards()
    return _HOMES[card.name.partition("(")[0]]


def build(card: Card, num_classes: int) -> System:
    """The system of a card (as scaled by :meth:`Card.at`), with random weights from torch's current seed."""
    base = (build(cards()[card.base].at(card.ratio), num_classes),) if card.base else ()
    system: System = home(card).build(card, num_classes, *base)
    return system


@cache
def datasets() -> dict[str, type[Dataset]]:
    """All dataset classes by name."""
    modules = [*_marked_modules("benchmark.data", "DATASET"), *_entry_points("isdbench.datasets", "DATASET")]
    found: dict[str, type[Dataset]] = {}
    for module in modules:
        name = module.DATASET.info.name
        if name in found:
            raise UserError(f"two datasets are named '{name}'; the second is in {module.__name__}: rename it there")
        found[name] = module.DATASET
    return found


def dataset(name: str) -> type[Dataset]:
    """The class of a dataset.

    Raises:
        UnknownNameError: there is no such dataset; the nearest name is given.
    """
    if name not in datasets():
        raise UnknownNameError("dataset", name, datasets())
    return datasets()[name]


_HOMES: dict[str, ModuleType] = {}
_REFINER = re.compile(r"(?P<name>[^()]+)\(base=(?P<base>[^()]+)\)")


def _system_modules() -> Iterator[ModuleType]:
    yield from _marked_modules("isdnet", "CARDS")
    yield from _marked_modules("baselines", "CARDS")
    yield from _entry_points("isdbench.systems", "CARDS")


def _marked_modules(package: str, mark: str) -> Iterator[ModuleType]:
    """Modules of a package that assign ``mark`` at top level; the others, which may import torch, are not imported."""
    pattern = re.compile(rf"^{mark}\b[^=\n]*=", re.MULTILINE)
    folder = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(folder), key=lambda info: info.name):
        spec = importlib.util.find_spec(f"{package}.{info.name}")
        if spec and spec.origin and pattern.search(Path(spec.origin).read_text(encoding="utf-8")):
            yield importlib.import_module(spec.name)


def _entry_points(group: str, mark: str) -> Iterator[ModuleType]:
    for point in importlib.metadata.entry_points(group=group):
        where = f"entry point {group} '{point.name} = {point.value}'"
        try:
            module = point.load()
        except Exception as error:
            raise UserError(f"{where} does not load: {error!r}; mend or uninstall that package") from error
        if not hasattr(module, mark):
            raise UserError(f"{where} must name a module that holds {mark}; mend or uninstall that package")
        yield module
