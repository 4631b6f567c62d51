"""Whole, downsampled and sliding-window inference: exactness, coverage, memory."""

import itertools
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from benchmark import inference
from benchmark.card import reduced_size


def pointwise(image):
    """A net of two 1x1 convolutions with whole-number weights: sums of its values are exact in float64."""
    generator = torch.Generator().manual_seed(1)
    first = torch.randint(-8, 9, (5, image.shape[1], 1, 1), generator=generator).to(image)
    second = torch.randint(-8, 9, (4, 5, 1, 1), generator=generator).to(image)
    return F.conv2d(F.conv2d(image, first).relu(), second)


def whole_numbers(*shape, seed=0):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).double()


@st.composite
def windows(draw):
    patch = draw(st.integers(1, 40))
    return (
        (draw(st.integers(1, 90)), draw(st.integers(1, 90))),
        patch,
        draw(st.integers(0, patch - 1)),
        draw(st.integers(1, 7)),
    )


@given(windows())
@settings(max_examples=60, deadline=None)
def test_sliding_window_of_a_pointwise_net_is_whole_inference_exactly(window):
    # k equal whole numbers added and divided by k: no rounding, so equality holds to the last bit
    (height, width), patch, overlap, batch = window
    image = whole_numbers(2, 3, height, width)
    merged = inference.sliding_window(pointwise, image, patch, overlap, batch)
    assert torch.equal(merged, pointwise(image))


@given(st.integers(1, 6000), st.integers(1, 700), st.data())
@settings(deadline=None)
def test_windows_cover_every_pixel_and_stay_inside(length, patch, data):
    overlap = data.draw(st.integers(0, patch - 1))
    starts = inference.window_starts(length, patch, overlap)
    size = min(patch, length)
    assert starts[0] == 0
    assert starts[-1] + size == length
    gaps = [second - first for first, second in itertools.pairwise(starts)]
    assert all(0 < gap <= patch - overlap for gap in gaps)


def test_the_grid_of_the_paper_has_36_patches():
    assert len(inference.window_starts(2448, 512, 120)) == 6
    assert len(inference.window_starts(612, 128, 30)) == 6


@pytest.mark.parametrize("overlap", [-1, 32, 40])
def test_an_overlap_outside_the_patch_is_named(overlap):
    with pytest.raises(ValueError, match=f"overlap {overlap} .* patch 32"):
        inference.window_starts(100, 32, overlap)


def strided(image):
    """A net at stride 4 with a view of 7 pixels: patches differ from the whole image at their borders."""
    weight = torch.linspace(-1, 1, 4 * 3 * 7 * 7, dtype=image.dtype).reshape(4, 3, 7, 7)
    return F.conv2d(image, weight, stride=4, padding=3)


def test_the_number_of_patches_at_a_time_does_not_matter():
    image = torch.rand(2, 3, 75, 61, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    one = inference.sliding_window(strided, image, 32, 9, 1)
    for batch in (2, 5, 100):
        # the same sums in the same order; only the convolution may choose another algorithm for another batch
        torch.testing.assert_close(inference.sliding_window(strided, image, 32, 9, batch), one, rtol=0, atol=1e-12)


def test_overlapping_patches_are_averaged():
    calls = itertools.count(1)

    def counting(patches):
        return torch.full_like(patches[:, :1], next(calls))

    merged = inference.sliding_window(counting, torch.zeros(1, 3, 4, 7), 4, 1)
    assert merged[0, 0, 0].tolist() == [1, 1, 1, 1.5, 2, 2, 2]


@pytest.mark.parametrize("align_corners", [False, True])
@given(st.integers(1, 5), st.integers(1, 9), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_labels_equal_the_argmax_of_all_enlarged_logits(align_corners, classes, side, full, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(2, classes, side, side + 3, dtype=torch.float64, generator=generator)
    enlarged = inference.resize(logits, full, align_corners=align_corners)
    labels = inference.labels_from(logits, full, align_corners=align_corners)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), enlarged.argmax(1))


def test_the_lowest_class_wins_a_tie():
    logits = whole_numbers(2, 5, 30, 40) % 3
    assert torch.equal(inference.labels_from(logits, (30, 40)).long(), logits.argmax(1))


@pytest.mark.parametrize("size", [(16, 32), (17, 31), (5, 3), (1, 1)])
def test_padding_continues_the_image_and_is_cropped_away(size):
    seen = []

    def net(image):
        seen.append(image.shape[-2:])
        return pointwise(image)

    image = whole_numbers(1, 3, *size)
    assert torch.equal(inference.padded(net, image, 16), pointwise(image))
    assert all(side % 16 == 0 for side in seen[0])


def test_padding_of_a_fitting_image_costs_nothing():
    image = torch.rand(1, 3, 32, 16)
    assert inference.pad_to(image, 16) is image


def test_padding_reflects_where_it_can():
    row = torch.tensor([0.0, 1, 2, 3, 4]).expand(1, 1, 5, 5)
    assert inference.pad_to(row, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]


def test_padding_composes_with_patches_of_odd_size():
    image = whole_numbers(1, 3, 70, 61)
    merged = inference.sliding_window(lambda patch: inference.padded(pointwise, patch, 16), image, 31, 8, 3)
    assert torch.equal(merged, pointwise(image))


def test_downsampled_sees_the_reduced_image():
    image = torch.rand(1, 3, 41, 60)
    seen = inference.downsampled(lambda reduced: reduced, image, 0.5)
    assert seen.shape[-2:] == (20, 30)
    torch.testing.assert_close(seen, inference.reduced(image, 0.5))


def test_reduction_is_antialiased():
    stripes = torch.tensor([0.0, 1.0]).repeat(32).expand(1, 3, 64, 64)  # one pixel wide: grey at quarter scale
    inner = inference.reduced(stripes, 0.25)[..., 2:-2]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))


SIDE, PATCH, OVERLAP, BATCH, CLASSES = 2448, 512, 120, 4, 7
MEASURE = f"""
import resource, psutil, torch
from benchmark import inference
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 24, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(24, 24, 3, padding=1), torch.nn.ReLU(),
    torch.nn.Conv2d(24, {CLASSES}, 1),
)
image = torch.rand(1, 3, {SIDE}, {SIDE})
patches = torch.rand({BATCH}, 3, {PATCH}, {PATCH})
with torch.inference_mode():
    net(image[..., :64, :64])
    before = psutil.Process().memory_info().rss
    %s
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before / 2**20)
"""


def peak_mib_over_idle(statement):
    """Peak resident memory that a statement adds, in a process of its own (Linux counts ru_maxrss in KiB)."""
    done = subprocess.run([sys.executable, "-c", MEASURE % statement], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux counts it")
def test_local_inference_needs_one_batch_of_patches_and_one_logit_map():
    local = "inference.labels_from(inference.sliding_window(net, image, {}, {}, {}), ({}, {}))"
    measured = peak_mib_over_idle(local.format(PATCH, OVERLAP, BATCH, SIDE, SIDE))
    batch = peak_mib_over_idle("net(patches)")
    logit_map = CLASSES * SIDE * SIDE * 4 / 2**20
    assert batch > 100  # the probe saw it
    assert measured <= 1.3 * (batch + logit_map)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 0.125, 508 / 2448, 0.8, 1 / 3])
def test_sides_in_whole_numbers_are_rounded_as_floats_are(scale):
    for side in range(1, 5000):
        assert inference.rounded(side, scale) == reduced_size((side, side), scale)[0]
