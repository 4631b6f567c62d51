"""A dataset at a ratio of its size."""

import numpy as np
import pytest

from benchmark.card import reduced_size
from benchmark.data.reduced import ReducedDataset
from tests.benchmark.tiny import TinyDataset


@pytest.mark.parametrize("ratio", [0.5, 0.25])
def test_image_and_label_shrink_alike_and_no_label_is_invented(ratio):
    full = TinyDataset()
    image, label = ReducedDataset(full, ratio).read("test0")
    _, whole = full.read("test0")
    assert label.shape == image.shape[:2] == reduced_size(whole.shape, ratio)
    assert set(np.unique(label)) <= set(np.unique(whole))


def test_pixels_are_means_of_areas():
    full = TinyDataset()
    image, _ = ReducedDataset(full, 0.5).read("test0")
    blocks = full.read("test0")[0].reshape(20, 2, 28, 2, 3).mean((1, 3))
    assert np.abs(image - blocks).max() <= 0.5


def test_ids_and_facts_are_those_of_the_full_dataset():
    full = TinyDataset()
    reduced = ReducedDataset(full, 0.5)
    assert (reduced.info, reduced.ids("train")) == (full.info, full.ids("train"))
