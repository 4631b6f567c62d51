"""A dataset whose images are reduced to a ratio of their size: real images on a small machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmark.card import reduced_size
from benchmark.data.base import Dataset, Image, Label, Problem


class ReducedDataset(Dataset):
    """Another dataset with every image and label at ``ratio`` of its height and width.

    Images are averaged over areas, as OpenCV's INTER_AREA does; labels take the nearest pixel.
    """

    def __init__(self, full: Dataset, ratio: float) -> None:
        super().__init__(full.root)
        self.full, self.ratio = full, ratio
        self.info = full.info  # type: ignore[misc]  # of the instance here

    def official_ids(self, split: str) -> tuple[str, ...]:
        """As the full dataset's."""
        return self.full.official_ids(split)

    def official_count(self, split: str) -> int:
        """As the full dataset's."""
        return self.full.official_count(split)

    def available_ids(self) -> frozenset[str]:
        """As the full dataset's."""
        return self.full.available_ids()

    def image_path(self, image_id: str) -> Path:
        """The full-size image file."""
        return self.full.image_path(image_id)

    def label_path(self, image_id: str) -> Path:
        """The full-size mask file."""
        return self.full.label_path(image_id)

    def read(self, image_id: str) -> tuple[Image, Label]:
        """Image uint8 ``[h, w, 3]`` and label uint8 ``[h, w]`` at the reduced size.

        Raises:
            DataError: as the full dataset does.
        """
        image, label = self.full.read(image_id)
        height, width = reduced_size((label.shape[0], label.shape[1]), self.ratio)
        small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return small, np.asarray(cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
        """As the full dataset's."""
        return self.full.verify(progress)


def at_ratio(full: Dataset, ratio: float) -> Dataset:
    """The dataset itself at ratio 1, else reduced."""
    return full if ratio == 1 else ReducedDataset(full, ratio)
