"""Sliding-window inference in slabs: the labels of the image as a whole, whatever the slab, the batch and the blend."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.card import SlidingWindow
from benchmark.inference import labels_from, sliding_window
from benchmark.large.slabs import BLENDS, bands, slab_mib, slabs, weights
from benchmark.prediction import to_batch

SIZES = [(97, 83), (1, 61), (61, 1), (7, 5), (64, 64), (1, 1), (31, 200)]  # primes, below a patch, one pixel wide
WINDOW = SlidingWindow(patch=32, overlap=9)


def pixels(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def reader(image):
    return lambda top, count, columns: image[top : top + count, slice(*columns)]


def labels_of(net, image, window=WINDOW, **settings):
    with torch.inference_mode():
        parts = list(slabs(net, reader(image), image.shape[:2], window, **settings))
    tops, logits = zip(*parts, strict=True)
    assert list(tops) == list(np.cumsum([0, *(part.shape[-2] for part in logits)][:-1]))  # in order, without gaps
    whole = torch.cat(logits, dim=2)
    return labels_from(whole, (whole.shape[-2], whole.shape[-1]))[0].numpy()


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_identity_gives_each_pixel_back(size, blend):
    """A net whose logits are the image: the label is the brightest channel, however patches are weighed."""
    image = pixels(size)
    assert np.array_equal(labels_of(lambda patch: patch, image, blend=blend), image.argmax(axis=2))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_labels_are_those_of_the_image_as_a_whole(size):
    torch.manual_seed(0)
    net = nn.Conv2d(3, 5, 7, padding=3, stride=2)  # sees the patch's border, so that patches disagree
    image = pixels(size)
    with torch.inference_mode():
        wanted = labels_from(sliding_window(net, to_batch(image.copy(), "cpu"), 32, 9), size)[0].numpy()
    assert np.array_equal(labels_of(net, image), wanted)


@pytest.mark.parametrize("blend", BLENDS)
def test_labels_do_not_depend_on_the_batch(blend):
    torch.manual_seed(0)
    net, image = nn.Conv2d(3, 4, 5, padding=2).double(), pixels((90, 120))
    exact = [labels_of(lambda p: net(p.double()), image, replace(WINDOW, batch=n), blend=blend) for n in (1, 3, 50)]
    assert np.array_equal(exact[0], exact[1])
    assert np.array_equal(exact[0], exact[2])


def test_blends_differ_where_patches_disagree_and_only_there():
    torch.manual_seed(0)
    net, image = nn.Conv2d(3, 4, 15, padding=7), pixels((90, 120))
    maps = {blend: labels_of(net, image, blend=blend) for blend in BLENDS}
    assert len({labels.tobytes() for labels in maps.values()}) == len(BLENDS)
    for labels in maps.values():
        assert np.array_equal(labels[8:15, 8:15], maps["mean"][8:15, 8:15])  # inside the first patch alone


@pytest.mark.parametrize("blend", BLENDS)
def test_every_pixel_of_a_patch_has_some_weight(blend):
    made = weights(blend, (32, 20), 9)
    assert made.shape == (32, 20)
    assert made.min() > 0
    assert made[16, 10] == made.max()
    torch.testing.assert_close(made, made.flip(0, 1))
    assert (made == 1).all() == (blend == "mean")


def test_the_memory_of_a_slab_grows_with_the_width_alone():
    assert slab_mib(7, WINDOW, (40_000, 1000)) == slab_mib(7, WINDOW, (1000, 1000))
    assert slab_mib(7, WINDOW, (1000, 2000)) == 2 * slab_mib(7, WINDOW, (1000, 1000))


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("bands", [[(0, 1), (1, 97), (97, 200)], [(0, 100), (100, 200)], [(0, 5), (5, 40), (40, 200)]])
def test_bands_of_columns_give_the_labels_of_the_whole_width(bands, blend):
    torch.manual_seed(0)
    net, image = nn.Conv2d(3, 4, 7, padding=3).double(), pixels((70, 200))
    whole = labels_of(lambda patch: net(patch.double()), image, blend=blend)
    parts = [labels_of(lambda patch: net(patch.double()), image, blend=blend, band=band) for band in bands]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_a_band_computes_the_patches_that_reach_into_it_alone():
    asked = []

    def read(top, count, columns):
        asked.append(columns)
        return pixels((count, columns[1] - columns[0]))

    list(slabs(lambda patch: patch, read, (32, 1000), WINDOW, band=(256, 512)))
    assert set(asked) == {(230, 538)}  # patches of 32 start every 23 columns: the first at 230, the last at 506


@pytest.mark.parametrize("width", [1, 300, 1000, 40_000])
def test_bands_cover_the_width_and_keep_the_budget(width):
    budget_mib = slab_mib(7, WINDOW, (1000, 700))
    found = bands(7, WINDOW, (1000, width), budget_mib)
    assert [left for left, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == width
    assert (len(found) == 1) == (width <= 700)
    if len(found) > 1:
        reach = max(end - left for left, end in found) + 2 * WINDOW.patch
        assert slab_mib(7, WINDOW, (1000, reach)) <= budget_mib


def test_there_are_no_bands_within_less_than_the_narrowest_takes():
    assert bands(7, WINDOW, (1000, 5000), slab_mib(7, WINDOW, (1000, 300))) == []


def test_only_the_rows_of_one_patch_are_read_at_a_time():
    image, asked = pixels((200, 50)), []

    def read(top, count, columns):
        asked.append((top, count))
        return image[top : top + count, slice(*columns)]

    list(slabs(lambda patch: patch, read, (200, 50), WINDOW))
    assert {count for _, count in asked} == {32}
    assert [top for top, _ in asked] == sorted({top for top, _ in asked})
