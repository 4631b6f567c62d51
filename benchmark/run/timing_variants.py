"""What the FPS column times: the full image up to labels, or what the official speed script times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.errors import UnknownNameError
from results.cell import Region


@dataclass(frozen=True)
class TimingVariant:
    """What enters a timed system, and where the timed region ends."""

    evaluated_scale: float = 1.0  # of both sides of the image
    input: Literal["synthetic-land", "noise"] = "synthetic-land"
    timed_regions: tuple[Region, ...] = ()  # none: those of the profile
    swapped: bool = False  # height and width change places

    def size(self, image: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what enters the system for an image of (height, width)."""
        height, width = (round(side * self.evaluated_scale) for side in image)
        return (width, height) if self.swapped else (height, width)


DEFAULT_TIMING = "full-scale"
TIMING_VARIANTS = {
    DEFAULT_TIMING: TimingVariant(),
    # tools/fps_test.py of the official ISDNet repository: 0.8 of each side by default, height and width swapped in the
    # tensor, Gaussian noise, up to enlarged logits. `predict` is timed as well, to show the difference.
    "official-fps-script": TimingVariant(0.8, "noise", ("full_logits", "predict"), swapped=True),
}


def timing_variant(name: str) -> TimingVariant:
    """The variant of a name.

    Raises:
        UnknownNameError: there is no such variant.
    """
    if name not in TIMING_VARIANTS:
        raise UnknownNameError("timing", name, TIMING_VARIANTS)
    return TIMING_VARIANTS[name]
