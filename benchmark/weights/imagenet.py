"""A system's start from ImageNet weights: those of its files that are available. Without any it starts at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import WeightsError
from benchmark.system import System
from benchmark.weights.download import RECORDED_DIGITS, sha256
from benchmark.weights.files import load_state


def initialise(system: System, files: Sequence[str], folder: Path) -> str:
    """Load those ImageNet files of the system's card that are available: ``files`` in ``folder``.

    Returns:
        What a record says of the initial weights: "imagenet: <file> <sha256, 16 digits>", "random: <reason>", or
        "partly imagenet: ..." for a card with several files of which some are missing.

    Raises:
        WeightsError: a file is missing, damaged, or of another net.
    """
    if not system.card.imagenet:
        return "random: the card names no ImageNet weights"
    told = [_loaded(system, folder / one.file) for one in system.card.imagenet if one.file in files]
    absent = [f"{one.file} was not available" for one in system.card.imagenet if one.file not in files]
    kind = "partly imagenet" if told and absent else "imagenet" if told else "random"
    return f"{kind}: {'; '.join([*told, *absent])}"


def _loaded(system: System, path: Path) -> str:
    try:
        system.load_imagenet(load_state(path))
    except ValueError as error:
        raise WeightsError(
            f"{path}: not the weights of '{system.card.name}' ({error}); remove or replace it"
        ) from error
    return f"{path.name} {sha256(path.read_bytes())[:RECORDED_DIGITS]}"
