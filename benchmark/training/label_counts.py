"""How many pixels of the training labels each class has: all that a reference system learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from benchmark.data.base import Dataset


def label_counts(
    dataset: Dataset, ids: Sequence[str], num_classes: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Tensor:
    """Pixels of each class, int64 ``[C]``, in the full labels of the images ``ids``; ignored pixels are left out.

    Raises:
        DataError: an image cannot be read.
    """
    total = torch.zeros(num_classes, dtype=torch.int64)
    for done, image_id in enumerate(ids, 1):
        _, label = dataset.read(image_id)
        total += torch.bincount(torch.from_numpy(label).flatten(), minlength=256)[:num_classes]
        progress(done, len(ids))
    return total
