"""How the nets of a table were trained, in words: what the user asked for, what all share, who has whose weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from results.training import Training

UNTRAINED = 100  # a net trained for fewer iterations counts as untrained
TAKEN_OVER = ("base", "shared")  # initial weights that are another system's trained ones
ROTATIONS = {"none": "no rotation", "right-angles": "turns by right angles", "continuous": "rotation by any angle"}


def overrides(nets: pd.DataFrame) -> str:
    """What the user asked for instead of the profile's and recipe's own: " with --batch 2"; empty for nothing."""
    asked = sorted(set(nets["overrides"]) - {""})
    return f" with {' or '.join(asked)}" if asked else ""


def in_common(nets: pd.DataFrame) -> str:
    """A sentence on augmentation, crops and batch norm, as far as the records tell; else empty."""
    known = [one for one in nets["training"] if isinstance(one, Training)]
    return f"Training: {'; '.join(_common(known))}." if known else ""


def shared_weights(nets: pd.DataFrame) -> str:
    """A line for the details: which systems take another's trained weights, and from which; else empty."""
    facts = list(_shared(nets))
    return f"Weights: {'; '.join(facts)}." if facts else ""


def settings(nets: pd.DataFrame) -> str:
    """A line for the details: optimiser, batch and crop of each group of systems that agree in them."""
    found: dict[str, list[str]] = {}
    for system, one in zip(nets["system"], nets["training"], strict=True):
        if isinstance(one, Training):
            words = (
                f"{one.optimizer}, learning rate {one.learning_rate:g}, batch {one.batch}, crops of {_size(one.crop)}"
            )
            found.setdefault(words, []).append(str(system))
    parts = [f"{words} ({', '.join(dict.fromkeys(systems))})" for words, systems in found.items()]
    return f"Training settings: {'; '.join(parts)}." if parts else ""


def untrained(done: pd.DataFrame) -> str:
    """The warning that nets were hardly trained; empty where all were, or where no record tells."""
    short = hardly_trained(done)
    if short.empty:
        return ""
    counts = sorted(set(short["iterations"].astype(int)))
    iterations = f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} training iterations"
    if len(short) == len(done):
        return f"Our nets are UNTRAINED ({iterations}): their accuracy means nothing."
    return f"'untrained': {iterations}, too few for an accuracy to mean anything."


def hardly_trained(done: pd.DataFrame) -> pd.DataFrame:
    """The rows of nets that were hardly trained. What takes another's weights needs no training if the other had it."""
    few, taken = done["iterations"] < UNTRAINED, (done["iterations"] == 0) & done["weights"].isin(TAKEN_OVER)
    hardly = set(done[few & ~taken]["system"])
    short: pd.DataFrame = done[few & (~taken | done["weights_of"].isin(hardly))]
    return short


def _common(known: list[Training]) -> Iterator[str]:
    """What all trainings have in common."""

    def same(name: str) -> Any:
        values = {getattr(one, name) for one in known}
        return values.pop() if len(values) == 1 else None

    augmentation = ["horizontal flips", ROTATIONS.get(same("rotate"), "")]
    augmentation.append({True: "distorted colours", False: "colours as they are"}.get(same("photometric"), ""))
    yield ", ".join(filter(None, augmentation))
    classes, share, batches = same("crop_classes"), same("max_class_share"), same("settle_batches")
    if classes:
        yield f"every crop holds {' or '.join(classes)} if one is found in ten draws"
    if same("class_weights"):
        shares = ", ".join(f"{name} {share:.3g}" for name, share in same("class_weights"))
        yield f"each crop is drawn for one class until it holds it, ten times at most; how often for which: {shares}"
    if share is not None and share < 1:
        yield f"crops are drawn again where one class fills more than {share:.0%}"
    if batches:
        yield f"batch norm settled on {batches} batches at the end"


def _shared(nets: pd.DataFrame) -> Iterator[str]:
    """Which systems take another's trained weights, and from which."""
    for kind, words in (("shared", "{} scored with the weights of {}"), ("base", "{} refines the trained {}")):
        rows = nets[nets["weights"] == kind]
        for system, source in dict.fromkeys(zip(rows["system"], rows["weights_of"], strict=True)):
            yield words.format(system, source)


def _size(height_width: tuple[int, int]) -> str:
    return "{}x{}".format(*height_width)
