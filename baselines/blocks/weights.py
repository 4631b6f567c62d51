"""Putting published weights into a module, and the names that published checkpoints use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that a card can name its key map without importing torch
    from torch import Tensor, nn

_COUNTER = "num_batches_tracked"  # absent from files older than torch 0.4.1, and of no effect with a set momentum


def load_all(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill every parameter and buffer of ``module`` from ``state``; what the file has beyond that is left out.

    Raises:
        ValueError: a key is missing or of another shape; the message names the first one.
    """
    own = module.state_dict()
    for key, value in own.items():
        if key not in state:
            if key.endswith(_COUNTER):
                continue
            raise ValueError(f"the file is of another net: it has no '{key}'")
        if state[key].shape != value.shape:
            found, expected = tuple(state[key].shape), tuple(value.shape)
            raise ValueError(f"the file is of another net: '{key}' is {found}, expected {expected}")
    module.load_state_dict({key: state.get(key, value) for key, value in own.items()})


def mmseg_key(key: str) -> str | None:
    """Our name of a key in a checkpoint that mmsegmentation publishes; None for what holds no weights of the net."""
    return f"net.{key}" if key.partition(".")[0] in _MMSEG_PARTS else None


_MMSEG_PARTS = frozenset({"backbone", "neck", "decode_head", "auxiliary_head"})
