"""Bilinear resize of bytes against OpenCV's."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from baselines.common.opencv_resize import bilinear

SIDES = st.integers(1, 90)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def as_opencv(pixels, size):
    return as_tensor(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR))


# MagNet's scales of a DeepGlobe image, its tiles, whole images in training; the scales of a Cityscapes image
@pytest.mark.parametrize(
    ("full", "size"),
    [
        ((2448, 2448), (612, 612)),
        ((2448, 2448), (1224, 1224)),
        ((2448, 2448), (508, 508)),
        ((612, 612), (508, 508)),
        ((508, 508), (612, 612)),
        ((1024, 2048), (128, 256)),
        ((1024, 2048), (256, 512)),
        ((1024, 2048), (512, 1024)),
    ],
)
def test_bytes_are_opencvs_at_magnets_sizes(full, size):
    pixels = noise(*full)
    assert torch.equal(bilinear(as_tensor(pixels), size), as_opencv(pixels, size))


@given(SIDES, SIDES, SIDES, SIDES)
@example(1, 1, 7, 5)
@example(40, 52, 1, 1)
@example(40, 60, 20, 20)  # an even number of rows become one, an odd number of columns
def test_bytes_are_opencvs_at_any_size(height, width, high, wide):
    pixels = noise(height, width, seed=height * width)
    assert torch.equal(bilinear(as_tensor(pixels), (high, wide)), as_opencv(pixels, (high, wide)))


@given(SIDES, SIDES, st.integers(1, 4), st.integers(1, 4))
def test_bytes_are_opencvs_where_so_many_become_one(high, wide, down, across):
    pixels = noise(high * down, wide * across, seed=high * wide)
    assert torch.equal(bilinear(as_tensor(pixels), (high, wide)), as_opencv(pixels, (high, wide)))


@pytest.mark.parametrize("size", [(20, 26), (17, 60)])
def test_values_between_bytes_are_rounded_first_and_images_of_a_batch_are_apart(size):
    batch = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    before, whole = batch.clone(), batch.mul(255).round().div(255)
    found = bilinear(batch, size)
    assert torch.equal(found, bilinear(whole, size))
    assert torch.equal(found[1:], bilinear(batch[1:], size))
    assert torch.equal(batch, before)


@pytest.mark.parametrize("size", [(20, 26), (17, 60)])
def test_shapes_without_values_and_the_number_type_stay(size):
    assert bilinear(torch.empty(2, 3, 40, 52, device="meta"), size).shape == (2, 3, *size)
    picture = as_tensor(noise(40, 52))
    assert torch.equal(bilinear(picture.double(), size).float(), bilinear(picture, size))
    assert bilinear(picture.half(), size).dtype == torch.float16
