"""What training must respect on a dataset that a ``dataset.toml`` describes: its table ``[training]``.

It holds for all systems alike, by the recipe ``short``; a recipe of a system's own ignores it.

::

    [training]
    rotate = "none"                                   # the images have an up and a down
    photometric = false                               # distorting the colours destroys what the classes are told by
    crop_classes = ["symptom"]                        # every crop should hold one of these; or, instead:
    class_weights = {background = 1, symptom = 3}     # of four crops three are drawn until they hold a symptom
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.base import TrainingHints


class TrainingRule(BaseModel):
    """The table; what it leaves out is as for any dataset."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rotate: Literal["none", "right-angles"] = "right-angles"
    photometric: bool = True
    crop_classes: list[str] = []
    class_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}

    def check(self, classes: Sequence[str]) -> None:
        """Raises: ValueError: a class is named that the dataset has not, or classes are weighed twice over."""
        unknown = [name for name in (*self.crop_classes, *self.class_weights) if name not in classes]
        if unknown:
            raise ValueError(f"training: there is no class '{unknown[0]}'; the classes are {', '.join(classes)}")
        if len(set(self.crop_classes)) < len(self.crop_classes):
            raise ValueError("training: crop_classes names a class twice")
        if self.crop_classes and self.class_weights:
            raise ValueError("training: give crop_classes or class_weights, not both")

    def hints(self, classes: Sequence[str]) -> TrainingHints:
        """For the recipe that all systems share."""
        return TrainingHints(
            rotate=self.rotate,
            photometric=self.photometric,
            crop_classes=tuple(classes.index(name) for name in self.crop_classes),
            class_weights=tuple(self.class_weights.get(name, 0.0) for name in classes) if self.class_weights else (),
        )
