"""Training samples by number: sample n is a pure function of (seed, n), so a resumed run needs no sampler state.

The image of sample n is entry ``n % len(ids)`` of the permutation of epoch ``n // len(ids)``. Neither the number of
worker processes nor earlier draws matter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from benchmark.card import Recipe
from benchmark.data.base import Dataset, Pixels
from benchmark.training.augment import augmented

Loader: TypeAlias = "torch.utils.data.DataLoader[tuple[Tensor, Tensor]]"
EPOCH_STREAM = 1  # third word of a permutation's seed; not 0, because numpy pads seeds with zeros


class DecodedImages:
    """A cache of decoded images that holds at most ``megabytes`` (1e6 bytes); the least recently used goes first."""

    def __init__(self, dataset: Dataset, megabytes: float) -> None:
        self.dataset = dataset
        self.limit = int(megabytes * 1e6)
        self.used = 0
        self.kept: OrderedDict[str, tuple[Pixels, Pixels]] = OrderedDict()

    def read(self, image_id: str) -> tuple[Pixels, Pixels]:
        """As ``Dataset.pixels``."""
        if image_id in self.kept:
            self.kept.move_to_end(image_id)
            return self.kept[image_id]
        image, label = self.kept[image_id] = self.dataset.pixels(image_id)
        self.used += image.nbytes + label.nbytes
        while self.used > self.limit:
            self.used -= sum(dropped.nbytes for dropped in self.kept.popitem(last=False)[1])
        return image, label


class Samples(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Numbered training samples: image float32 ``[3, h, w]`` in [0, 1], target int64 ``[h, w]``."""

    def __init__(
        self,
        images: DecodedImages,
        ids: Sequence[str],
        recipe: Recipe,
        crop: tuple[int, int],
        seed: int,
    ) -> None:
        self.images = images
        self.ids = tuple(ids)
        self.recipe = recipe
        self.crop = crop
        self.seed = seed

    def image_id(self, number: int) -> str:
        """The image that sample ``number`` is cut from.

        Every image is drawn once in each epoch of ``len(ids)`` samples, in an order that depends on the seed and the
        epoch alone.
        """
        epoch, place = divmod(number, len(self.ids))
        order = np.random.default_rng([self.seed, epoch, EPOCH_STREAM]).permutation(len(self.ids))
        return self.ids[int(order[place])]

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        image, label = self.images.read(self.image_id(number))
        generator = np.random.default_rng([self.seed, number])
        return augmented(image, label, self.recipe, self.crop, generator)


class Numbers(torch.utils.data.Sampler[list[int]]):
    """The sample numbers of each iteration from ``start`` to ``end``; process ``rank`` of ``world`` takes its share."""

    def __init__(self, start: int, end: int, batch: int, rank: int = 0, world: int = 1) -> None:
        self.iterations = range(start, end)
        self.batch = batch
        self.rank = rank
        self.world = world

    def __iter__(self) -> Iterator[list[int]]:
        for iteration in self.iterations:
            first = iteration * self.batch
            yield list(range(first + self.rank, first + self.batch, self.world))

    def __len__(self) -> int:
        return len(self.iterations)


def loader(samples: Samples, numbers: Numbers, workers: int, *, pin: bool) -> Loader:
    """Batches in the order of the iterations, decoded and cut by ``workers`` processes (0: by this one)."""
    return torch.utils.data.DataLoader(samples, batch_sampler=numbers, num_workers=workers, pin_memory=pin)
