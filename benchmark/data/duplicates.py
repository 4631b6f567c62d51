"""Images that are nearly the same in two splits: what is scored would have been trained on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmark.data.base import Dataset, Problem
from benchmark.data.opening import BadFileError, checked

SIDE = 16  # of the reduced grey image, whose neighbours in a row are compared
NEAR = 8  # of 256 bits: compression and brightness change fewer, another scene about 128
FLAT = 2.0  # standard deviation of grey values below which the bits are noise

Print = NDArray[np.float32]  # [256], 0 or 1


def near_duplicates(dataset: Dataset) -> list[Problem]:
    """A warning for each pair of nearly equal images in two splits. Reads all images, reduced where the format can.

    The fingerprint is a difference hash: whether a pixel of the reduced grey image is brighter than the one before it.
    Turned or mirrored copies are not found.
    """
    prints = {split: _prints([dataset.image_path(i) for i in dataset.on_disk(split)]) for split in dataset.splits}
    problems = []
    for (first, ours), (second, theirs) in itertools.combinations(prints.items(), 2):
        for (file, one), (other, two) in _pairs(ours, theirs):
            bits = int(np.abs(one - two).sum())
            message = f"nearly the same picture as {other} ({bits} of {SIDE**2} bits differ); '{first}' and '{second}'"
            problems.append(Problem(file, f"{message} are not independent", "warning"))
    return problems


def fingerprint(file: Path) -> Print | None:
    """The difference hash of an image; None if it is flat or unreadable, which another check reports."""
    try:
        with checked(file) as image:
            image.draft("L", (4 * SIDE, 4 * SIDE))
            reduced = image.convert("L").resize((SIDE + 1, SIDE), PIL.Image.Resampling.BOX)
    except BadFileError:
        return None
    grey = np.asarray(reduced, np.float32)
    return (grey[:, 1:] > grey[:, :-1]).astype(np.float32).ravel() if grey.std() >= FLAT else None


def _prints(files: Sequence[Path]) -> list[tuple[Path, Print]]:
    return [(file, found) for file in files if (found := fingerprint(file)) is not None]


def _pairs(
    ours: list[tuple[Path, Print]], theirs: list[tuple[Path, Print]]
) -> list[tuple[tuple[Path, Print], tuple[Path, Print]]]:
    if not ours or not theirs:
        return []
    left, right = (np.stack([bits for _, bits in side]) for side in (ours, theirs))
    distance = left.sum(axis=1)[:, None] + right.sum(axis=1)[None] - 2 * left @ right.T  # of zeros and ones
    return [(ours[row], theirs[column]) for row, column in np.argwhere(distance <= NEAR)]
