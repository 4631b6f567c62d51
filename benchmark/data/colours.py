"""Class indices from the colours of an RGB mask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.base import Colour, Image, Label
from benchmark.data.opening import BadFileError

ROWS = 512  # at a time: the 32-bit codes of a whole mask of 6000x6000 would take 144 MB


def classes_of(mask: Image, classes: Mapping[Colour, int], path: Path, remedy: str) -> Label:
    """The class of each pixel by its exact colour.

    Args:
        mask: RGB uint8 ``[H, W, 3]``.
        classes: the index, 0-255, of every colour that a mask may hold.
        path: the mask's file, for the message.
        remedy: what to do about a colour that is no class.

    Returns:
        uint8 ``[H, W]``.

    Raises:
        BadFileError: a pixel has another colour; the message counts them and names the first.
    """
    known = _codes(np.array(list(classes), np.uint8))
    order = known.argsort()
    values, known = np.array(list(classes.values()), np.uint8)[order], known[order]
    label = np.empty(mask.shape[:2], np.uint8)
    strange = np.empty(mask.shape[:2], np.bool_)
    for top in range(0, len(mask), ROWS):
        codes = _codes(mask[top : top + ROWS])
        found = np.searchsorted(known, codes).clip(max=len(known) - 1)
        label[top : top + ROWS] = values[found]
        strange[top : top + ROWS] = known[found] != codes
    if strange.any():
        first = tuple(mask[strange][0].tolist())
        count = f"{int(strange.sum())} pixels have a colour that is no class, the first RGB {first}"
        raise BadFileError(path, f"{count}; {remedy}")
    return label


def _codes(colours: Image) -> NDArray[np.int32]:
    """One number for each colour: red, green and blue, eight bits each."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    codes: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return codes
