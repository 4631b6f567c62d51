"""Bilinear resize of bytes against Pillow's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from baselines.common.pillow_resize import bilinear

SIDES = st.integers(1, 90)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_pillow(pixels, size):
    picture = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255


def ours(pixels, size):
    return bilinear(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255, size)


# GLNet's global branch on the paper's three sizes, FCtL's regions of two and three patches
@pytest.mark.parametrize(("height", "width"), [(2448, 2448), (1024, 2048), (1016, 1016), (1524, 1524), (1250, 1250)])
def test_bytes_are_pillows_at_the_sizes_of_the_rivals(height, width):
    pixels = noise(height, width)
    assert torch.equal(ours(pixels, (508, 508)), as_pillow(pixels, (508, 508)))


# Pillow 13 takes the rows first where that is cheaper, which no Pillow did when the rivals were released
@given(SIDES, SIDES, SIDES, SIDES)
def test_bytes_are_pillows_at_any_width_where_rows_are_not_lost(height, width, more, wide):
    pixels, high = noise(height, width, seed=height * width), height + more - 1
    assert torch.equal(ours(pixels, (high, wide)), as_pillow(pixels, (high, wide)))


@given(SIDES, SIDES)
def test_bytes_are_pillows_from_square_to_square(side, other):
    pixels = noise(side, side, seed=side)
    assert torch.equal(ours(pixels, (other, other)), as_pillow(pixels, (other, other)))


def test_values_between_bytes_are_rounded_first_and_images_of_a_batch_are_apart():
    batch = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    whole = batch.mul(255).round().div(255)
    found = bilinear(batch, (17, 60))
    assert torch.equal(found, bilinear(whole, (17, 60)))
    assert torch.equal(found[1:], bilinear(batch[1:], (17, 60)))
    assert torch.equal(bilinear(batch, (40, 52)), whole)
