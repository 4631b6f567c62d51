"""Published checkpoints in our names. Nothing in a file is executed: only tensors are read.

The ``key_map`` of a system says what each key of a checkpoint by its authors or its library is called here. Where a
system is published in several files, a later file overwrites an earlier one. A refiner's files come after those of its
base; the base may instead come from a file that was written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmark import registry
from benchmark.card import Card
from benchmark.errors import WeightsError
from benchmark.spec import KeyMap
from benchmark.system import System
from benchmark.weights.files import load_state, save_weights, system_of
from results.paper import DATASETS


@dataclass(frozen=True)
class Conversion:
    """What happened to each key of a published checkpoint."""

    num_classes: int
    converted: int
    dropped: tuple[str, ...]  # on purpose
    unused: tuple[str, ...]  # the system has no such tensor
    missing: tuple[str, ...]  # of modules that only training uses, or a bias of zero: they keep their initial values


def convert(card: Card, officials: Sequence[Path], out: Path) -> Conversion:
    """Write the published files as ``out`` (safetensors) in the names of the system on ``card``.

    Raises:
        WeightsError: a file is no weights file, or of another net, or too few or too many, or ``out`` cannot be
            written.
    """
    names = [
        (key, keys(key), value) for keys, file in _in_order(card, officials) for key, value in load_state(file).items()
    ]
    renamed = {name: value for _, name, value in names if name is not None}
    official = ", ".join(map(str, officials))
    system = registry.build(card, _classes(card, official, renamed))
    own = system.state_dict()
    missing = tuple(key for key in own if key not in renamed)
    _check(system, official, renamed)
    system.load_state_dict({key: renamed.get(key, value) for key, value in own.items()})
    save_weights(out, system, recipe="official", dataset=_dataset(system.num_classes))
    return Conversion(
        num_classes=system.num_classes,
        converted=len(own) - len(missing),
        dropped=tuple(key for key, name, _ in names if name is None),
        unused=tuple(key for key, name, _ in names if name is not None and name not in own),
        missing=missing,
    )


def _in_order(card: Card, officials: Sequence[Path]) -> list[tuple[KeyMap, Path]]:
    """Each published file with its key map, in the order in which they are read.

    Files under their published names come in any order. A refiner's base may also come from a file that was written
    here.
    """
    keys = _by_file(card)
    order = f"name these in order: {', '.join(keys)}"
    if len(officials) != len(keys):
        raise WeightsError(f"system '{card.name}': {len(officials)} published files given; {order}")
    by_name = {file.name: file for file in officials}
    files = [by_name[name] for name in keys] if by_name.keys() == keys.keys() else list(officials)
    for file, expected in zip(files, keys, strict=True):
        if file.name in keys and file.name != expected:
            raise WeightsError(f"system '{card.name}': {file} is in the place of {expected}; {order}")
    ours_as_base = _under_base(str)
    return [
        (ours_as_base if card.base and system_of(file) == card.base else names, file)
        for names, file in zip(keys.values(), files, strict=True)
    ]


def _by_file(card: Card) -> dict[str, KeyMap]:
    """The key maps of a system by the name of the file; a refiner's come after those of its base."""
    own = registry.spec(card.name).key_maps
    if not own:
        raise WeightsError(f"system '{card.name}': no key map is known for its published checkpoints")
    if not card.base:
        return own
    return {file: _under_base(names) for file, names in _by_file(registry.card(card.base)).items()} | own


def _under_base(keys: KeyMap) -> KeyMap:
    return lambda key: None if (name := keys(key)) is None else f"base.{name}"


def _classes(card: Card, official: str, renamed: Mapping[str, Tensor]) -> int:
    """The class count of a checkpoint, from the first tensor whose first dimension is the class count."""
    few, more = (_shapes(card, classes) for classes in (3, 4))
    for key, shape in few.items():
        if shape and (shape[0], more[key][0]) == (3, 4):
            if key not in renamed:
                raise WeightsError(f"{official}: a checkpoint of another net: it lacks '{key}' of '{card.name}'")
            return renamed[key].shape[0]
    raise WeightsError(f"system '{card.name}' has no tensor that depends on the class count; it cannot be converted")


def _shapes(card: Card, classes: int) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the inference form, from a net without memory where its construction allows that."""
    try:
        with torch.device("meta"):
            state = registry.build(card, classes).inference_form().state_dict()
    except RuntimeError:  # it looks at values while it is built
        state = registry.build(card, classes).inference_form().state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def _check(system: System, official: str, renamed: Mapping[str, Tensor]) -> None:
    """Raise an error if a tensor of the inference form is missing or has another shape."""
    card, own, needed = system.card, system.state_dict(), system.inference_form().state_dict().keys()
    for key, value in own.items():
        layer, _, kind = key.rpartition(".")
        # a counter of batch norm may be missing, and the bias, zero here, of a layer that has none in the file
        unbiased = kind == "bias" and f"{layer}.weight" in renamed and not value.any()
        if key not in renamed and key in needed and kind != "num_batches_tracked" and not unbiased:
            raise WeightsError(f"{official}: a checkpoint of another net: it lacks '{key}' of '{card.name}'")
        if key in renamed and renamed[key].shape != value.shape:
            shapes = f"{tuple(renamed[key].shape)}, expected {tuple(value.shape)}"
            raise WeightsError(f"{official}: a checkpoint of another net: '{key}' of '{card.name}' is {shapes}")


def _dataset(num_classes: int) -> str:
    """The paper's dataset with this number of classes, or an empty string."""
    kinds = (registry.dataset(name).info for name in DATASETS)
    return next((info.name for info in kinds if len(info.classes) == num_classes), "")
