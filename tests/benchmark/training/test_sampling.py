"""Samples by number: every image once an epoch, nothing depends on workers or order, a bounded cache."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch

from benchmark.training.sampling import DecodedImages, Numbers, Samples, loader
from tests.benchmark.tiny import RECIPE, TinyDataset

IDS = TinyDataset().ids("train")


def samples(seed: int = 0, megabytes: float = 10) -> Samples:
    return Samples(DecodedImages(TinyDataset(), megabytes), IDS, RECIPE, (24, 32), seed)


def test_an_epoch_holds_every_image_once_in_an_order_of_its_own():
    drawn = [samples().image_id(number) for number in range(50)]
    epochs = [drawn[start : start + 5] for start in range(0, 50, 5)]
    assert all(sorted(epoch) == sorted(IDS) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 5
    assert drawn != [samples(seed=1).image_id(number) for number in range(50)]


def test_a_sample_depends_on_its_number_and_the_seed_alone():
    forwards, backwards, other = samples(), samples(), samples(seed=1)
    first = [forwards[number] for number in range(12)]
    second = [backwards[number] for number in reversed(range(12))][::-1]
    for (image, target), (again, target_again) in zip(first, second, strict=True):
        assert torch.equal(image, again)
        assert torch.equal(target, target_again)
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][0], first[5][0])  # the next epoch cuts another crop


def test_batches_are_the_same_whatever_the_workers():
    batches = [list(loader(samples(), Numbers(2, 6, 3), workers, pin=False)) for workers in (0, 2)]
    assert len(batches[0]) == 4
    for alone, shared in zip(*batches, strict=True):
        assert torch.equal(alone[0], shared[0])
        assert torch.equal(alone[1], shared[1])
    assert torch.equal(batches[0][0][0][1], samples()[2 * 3 + 1][0])


@pytest.mark.parametrize("world", [1, 2, 3])
def test_devices_share_out_the_numbers_of_a_batch(world):
    shares = [list(Numbers(4, 6, 6, rank, world)) for rank in range(world)]
    assert [sorted(chain(*parts)) for parts in zip(*shares, strict=True)] == [[*range(24, 30)], [*range(30, 36)]]
    assert len(Numbers(4, 6, 6, 0, world)) == 2


def test_decoded_images_are_kept_within_their_megabytes():
    dataset = TinyDataset()
    image, label = dataset.read("train0")
    two = 2 * (image.nbytes + label.nbytes) / 1e6
    images = DecodedImages(dataset, two)
    dataset.reads.clear()
    for image_id in ("train0", "train1", "train0", "train2", "train0", "train1"):
        np.testing.assert_array_equal(images.read(image_id)[0], TinyDataset().read(image_id)[0])
    assert dataset.reads == ["train0", "train1", "train2", "train1"]  # the least recently used one goes
    assert images.used == sum(a.nbytes + b.nbytes for a, b in images.kept.values()) <= two * 1e6


def test_a_cache_smaller_than_an_image_keeps_nothing():
    dataset = TinyDataset()
    images = DecodedImages(dataset, 0.001)
    images.read("train0")
    images.read("train0")
    assert dataset.reads == ["train0", "train0"]
    assert images.used == 0
