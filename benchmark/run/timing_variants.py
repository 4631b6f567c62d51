"""Named readings of the paper's FPS column. Everything else of a protocol is an option of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.errors import UnknownNameError
from results.cell import Region


@dataclass(frozen=True)
class Variant:
    """What enters a timed system, and where its time ends."""

    evaluated_scale: float = 1.0  # of both sides of the image
    input: Literal["synthetic-land", "noise"] = "synthetic-land"
    timed_regions: tuple[Region, ...] = ()  # none: the profile's
    swapped: bool = False  # height and width change places

    def size(self, image: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what enters the system for an image of (height, width)."""
        height, width = (round(side * self.evaluated_scale) for side in image)
        return (width, height) if self.swapped else (height, width)


VARIANTS = {
    "full-scale": Variant(),
    # tools/fps_test.py of the official repository (features F2): 0.8 of each side by default, the sides swapped in
    # the tensor, Gaussian noise, up to enlarged logits. `predict` is timed beside it, for the difference.
    "official-fps-script": Variant(0.8, "noise", ("full_logits", "predict"), swapped=True),
}


def variant(name: str) -> Variant:
    """The variant of a name.

    Raises:
        UnknownNameError: there is no such variant.
    """
    if name not in VARIANTS:
        raise UnknownNameError("protocol", name, VARIANTS)
    return VARIANTS[name]
