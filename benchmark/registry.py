"""Finds systems and datasets: in our own folders first, then in the entry points of other packages.

A module with systems holds ``SYSTEMS``, a tuple of :class:`benchmark.spec.SystemSpec`; a module with a dataset holds
``DATASET``. Other packages name such modules under the entry points ``isdbench.systems`` and ``isdbench.datasets``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import itertools
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from benchmark.card import Card, Recipe, faults
from benchmark.errors import UnknownNameError, UserError
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.data.base import Dataset
    from benchmark.system import System


@cache
def specs() -> dict[str, SystemSpec]:
    """All systems by name, ISDNet first. Imports no torch unless another package's module does.

    Raises:
        UserError: two systems have the same name, or an entry point names no module with systems.
    """
    return {name: one for name, (one, _) in _found().items()}


def other_modules(name: str) -> list[str]:
    """The modules of other packages that hold a system, and the system that it refines; none for our own."""
    parts = re.split(r"\(base=|\)", name)
    bases = [_found()[part][0].card.base for part in parts if part in _found()]
    modules = [_found()[part][1] for part in (*parts, *bases) if part in _found()]
    return [module for module in dict.fromkeys(modules) if module.partition(".")[0] not in _OUR_PACKAGES]


@cache
def _found() -> dict[str, tuple[SystemSpec, str]]:
    """Each system, and the name of the module that holds it."""
    ours = (modules_with(package, *_SYSTEM_MARKS) for package in _OUR_PACKAGES)
    found: dict[str, tuple[SystemSpec, str]] = {}
    for module in itertools.chain(*ours, _entry_points("isdbench.systems", *_SYSTEM_MARKS)):
        for one in _specs_of(module):
            name = one.card.name
            if name in found:
                raise UserError(f"two systems are named '{name}'; the second is in {module.__name__}: rename it there")
            found[name] = one, module.__name__
    return found


def spec(name: str) -> SystemSpec:
    """The system of a name, or a refiner on a base: "segfix(base=unet-global)".

    Raises:
        UnknownNameError: there is no such system; the nearest name is given.
        UserError: the refiner cannot be combined with this base.
    """
    own_card = card(name)
    return replace(_known(name), card=own_card)


def cards() -> dict[str, Card]:
    """The cards of all systems by name, ISDNet first."""
    return {name: one.card for name, one in specs().items()}


def card(name: str) -> Card:
    """The card of a system, or of a refiner on a system: "segfix(base=unet-global)".

    Raises:
        UnknownNameError: there is no such system; the nearest name is given.
        UserError: the refiner cannot be combined with this base.
    """
    refiner = _REFINER.fullmatch(name)
    if refiner:
        return _on_base(card(refiner["name"]), card(refiner["base"]), name)
    if "(" in name:
        raise UserError(f"system '{name}': write a refiner of another system as REFINER(base=SYSTEM)")
    return _known(name).card


def _known(name: str) -> SystemSpec:
    """The system of a name; of a refiner on a base, the refiner; of "FAMILY:NET", the one that the family makes.

    Raises:
        UnknownNameError: there is no such system or family; the nearest name is given.
    """
    own = name.partition("(")[0]
    if ":" in own:
        return _of_family(own)
    if own not in specs():
        raise UnknownNameError("system", own, specs())
    return specs()[own]


@cache
def _of_family(name: str) -> SystemSpec:
    family, _, net = name.partition(":")
    made = {key: make for module in modules_with("baselines", "FAMILIES") for key, make in module.FAMILIES.items()}
    if family not in made:
        raise UnknownNameError("family of systems", family, made)
    one: SystemSpec = made[family](name, net)
    return one


def _on_base(refiner: Card, base: Card, name: str) -> Card:
    """A refiner's card on another coarse system than its own card names."""
    if not refiner.base:
        known = ", ".join(one.name for one in cards().values() if one.base)
        raise UserError(f"system '{name}': '{refiner.name}' refines no other system; those that do: {known}")
    if base.base:
        raise UserError(f"system '{name}': '{base.name}' is a refiner itself; choose a base that is not one")
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
        recipes={name: _trained_after(recipe, refiner, usual) for name, recipe in base.recipes.items()},
    )


def _beside(own: str, usual: str, base: str) -> str:
    """The base's entry of a card, followed by the refiner's own where that differs from its usual base's."""
    return base if own == usual else f"{base}; {own}"


def _trained_after(recipe: Recipe, refiner: Card, usual: Card) -> Recipe:
    """A base's recipe, then the refiner's own stages: those that the recipe of its usual base does not have."""
    own = next(iter(refiner.recipes.values())).stages
    before = next(iter(usual.recipes.values())).stages or {"main": {}}
    for stage, settings in own.items():
        if stage not in before:
            recipe = recipe.then(stage, **settings)
    return recipe


def build(card: Card, num_classes: int) -> System:
    """The system of a card, with random weights from torch's current seed.

    Args:
        card: possibly scaled by :meth:`Card.at`. The base of a refiner is scaled alike and built first.
        num_classes: classes of the dataset.

    Raises:
        ModuleNotFoundError: an optional dependency is missing (``card.extra``).
    """
    base = (build(_known(card.base).card.at(card.ratio), num_classes),) if card.base else ()
    return _known(card.name).build(card, num_classes, *base)


@cache
def datasets() -> dict[str, type[Dataset]]:
    """All dataset classes by name."""
    modules = [*modules_with("benchmark.data", "DATASET"), *_entry_points("isdbench.datasets", "DATASET")]
    found: dict[str, type[Dataset]] = {}
    for module in modules:
        name = module.DATASET.info.name
        if name in found:
            raise UserError(f"two datasets are named '{name}'; the second is in {module.__name__}: rename it there")
        found[name] = module.DATASET
    return found


def dataset(name: str, root: Path | None = None) -> type[Dataset]:
    """The class of a dataset: of a name, or of the ``dataset.toml`` that describes it.

    Args:
        name: a name, or the path of a ``dataset.toml``.
        root: the dataset's folder, where a name may be that of the ``dataset.toml`` in it.

    Raises:
        UnknownNameError: there is no such dataset; the nearest name is given.
        UserError: the ``dataset.toml`` is missing or wrong.
    """
    from benchmark.data.card_file import FILE, dataset_of

    if name.endswith(".toml"):
        return dataset_of(Path(name))
    if name not in datasets() and root and (root / FILE).is_file():
        described = dataset_of(root / FILE)
        if described.info.name == name:
            return described
    if name not in datasets():
        raise UnknownNameError("dataset", name, datasets())
    return datasets()[name]


_REFINER = re.compile(r"(?P<name>[^()]+)\(base=(?P<base>[^()]+)\)")
_OUR_PACKAGES = ("isdnet", "baselines")
_SYSTEM_MARKS = ("SYSTEMS", "CARDS")  # CARDS: modules written against version 0.1


def _specs_of(module: ModuleType) -> tuple[SystemSpec, ...]:
    """The systems of a module; in version 0.1 it held ``CARDS``, one ``build`` and perhaps ``official_keys(card)``."""
    if hasattr(module, "SYSTEMS"):
        systems: tuple[SystemSpec, ...] = module.SYSTEMS
        return systems
    keys = getattr(module, "official_keys", None)
    return tuple(SystemSpec(card, module.build, keys(card) if keys else None) for card in module.CARDS)


def modules_with(package: str, *marks: str) -> Iterator[ModuleType]:
    """Modules of a package that assign one of ``marks`` at top level; the others may need torch, so stay unimported."""
    pattern = re.compile(rf"^({'|'.join(marks)})\b[^=\n]*=", re.MULTILINE)
    folder = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(folder), key=lambda info: info.name):
        spec = importlib.util.find_spec(f"{package}.{info.name}")
        if spec and spec.origin and pattern.search(Path(spec.origin).read_text(encoding="utf-8")):
            yield importlib.import_module(spec.name)


def _entry_points(group: str, *marks: str) -> Iterator[ModuleType]:
    for point in importlib.metadata.entry_points(group=group):
        where = f"entry point {group} '{point.name} = {point.value}'"
        try:
            module = point.load()
        except Exception as error:
            raise UserError(f"{where} does not load: {error!r}; fix or uninstall that package") from error
        if not any(hasattr(module, mark) for mark in marks):
            raise UserError(f"{where} must name a module that holds {marks[0]}; fix or uninstall that package")
        for one in _specs_of(module) if marks == _SYSTEM_MARKS else ():
            for fault in faults(one.card):
                raise UserError(f"{where}: card '{one.card.name}': {fault}; fix or uninstall that package")
        yield module
