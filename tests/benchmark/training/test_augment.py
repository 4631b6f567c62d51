"""Crops, flips, turns and colours: image and target stay aligned, ranges hold, colour equals the way through HSV."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as F

from benchmark.training.augment import augmented, cut_out, distorted, drawn_class, is_mixed, tinted
from tests.benchmark.tiny import RECIPE, TinyDataset

PLAIN = dataclasses.replace(RECIPE, resize=(1.0, 1.0), rotate="none", photometric=False, max_class_share=1.0)


def coded(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel's place is written in its colour, and its label follows from its colour."""
    rows, columns = np.indices((height, width))
    image = np.stack([rows, columns, np.full_like(rows, 90)], axis=-1).astype(np.uint8)
    return image, ((rows * 7 + columns * 3) % 5).astype(np.uint8)


def places(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = (image[:2] * 255).round().long()
    return rows, columns


@pytest.mark.parametrize("rotate", ["none", "right-angles"])
def test_every_pixel_keeps_its_label(rotate):
    image, label = coded(60, 80)
    recipe = dataclasses.replace(PLAIN, rotate=rotate)
    seen = set()
    for seed in range(40):
        pixels, target = augmented(image, label, recipe, (24, 40), np.random.default_rng(seed))
        assert (pixels.shape, pixels.dtype) == ((3, 24, 40), torch.float32)
        assert (target.shape, target.dtype) == ((24, 40), torch.int64)
        rows, columns = places(pixels)
        assert torch.equal(target, (rows * 7 + columns * 3) % 5)
        step = int(rows[1, 0] - rows[0, 0]), int(columns[0, 1] - columns[0, 0])
        seen.add(
            step if step != (0, 0) else ("turned", int(rows[0, 1] - rows[0, 0]), int(columns[1, 0] - columns[0, 0]))
        )
    flips = {(1, 1), (1, -1)}
    turns = {(-1, -1), (-1, 1), *(("turned", a, b) for a in (1, -1) for b in (1, -1))}
    assert seen == (flips if rotate == "none" else flips | turns)


def test_continuous_rotation_leaves_empty_corners_ignored():
    image, label = np.full((80, 80, 3), 255, np.uint8), np.ones((80, 80), np.uint8)
    recipe = dataclasses.replace(PLAIN, rotate="continuous")
    rotated = 0
    for seed in range(20):
        pixels, target = augmented(image, label, recipe, (64, 64), np.random.default_rng(seed))
        assert set(target.unique().tolist()) <= {1, 255}
        if (target == 255).any():
            rotated += 1
            assert pixels[:, target == 255].mean() < 0.2  # black but for the bilinear rim
            assert (target[24:40, 24:40] == 1).all()
    assert 3 <= rotated <= 17


def test_an_image_smaller_than_the_crop_is_padded_with_ignored_black():
    image, label = coded(20, 30)
    pixels, target = augmented(image + 1, label, PLAIN, (32, 40), np.random.default_rng(0))
    assert (target[20:] == 255).all()
    assert (target[:, 30:] == 255).all()
    assert (pixels[:, target == 255] == 0).all()
    assert (target[:20, :30] != 255).all()
    assert (pixels[:, target != 255] > 0).all()


@given(st.integers(0, 10**6), st.floats(0.3, 3), st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=40, deadline=None)
def test_any_scale_and_any_size_give_the_crop(seed, scale, height, width):
    image, label = coded(50, 70)
    recipe = dataclasses.replace(RECIPE, resize=(scale, scale))
    pixels, target = augmented(image, label, recipe, (height, width), np.random.default_rng(seed))
    assert pixels.shape == (3, height, width)
    assert target.shape == (height, width)
    assert 0 <= pixels.min() <= pixels.max() <= 1


def test_resizing_enlarges_what_is_cut():
    image, label = coded(60, 80)
    recipe = dataclasses.replace(PLAIN, resize=(2.0, 2.0))
    pixels, target = cut_out(image, label, recipe, (40, 40), np.random.default_rng(1))
    assert pixels.shape[-2:] == target.shape[-2:] == (40, 40)
    span = (pixels[0].max() - pixels[0].min()) * 255
    assert 18 <= span <= 20  # 20 rows of the image


def test_same_generator_same_sample_and_inputs_untouched():
    image, label = TinyDataset().read("train0")
    kept = image.copy(), label.copy()
    first = augmented(image, label, RECIPE, (24, 32), np.random.default_rng([0, 7]))
    torch.rand(3)  # the global generator has no say
    second = augmented(image, label, RECIPE, (24, 32), np.random.default_rng([0, 7]))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert (kept[0] == image).all()
    assert (kept[1] == label).all()


def test_a_crop_full_of_one_class_is_drawn_again_ten_times_at_most():
    label = np.ones((100, 100), np.uint8)
    label[:, 60:] = 2
    image = np.zeros((100, 100, 3), np.uint8)
    strict = dataclasses.replace(PLAIN, max_class_share=0.75)

    def mixed(recipe):
        crops = [cut_out(image, label, recipe, (20, 20), np.random.default_rng(seed))[1] for seed in range(60)]
        return sum(is_mixed(crop.numpy(), 0.75) for crop in crops)

    assert mixed(PLAIN) < 20  # by chance about 1 in 8
    assert mixed(strict) > 35  # 1 - (7/8) ** 10 = 0.74
    everywhere_one = cut_out(image, np.ones_like(label), strict, (20, 20), np.random.default_rng(0))
    assert everywhere_one[1].shape[-2:] == (20, 20)


def rare(corner: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Class 2 in one corner, class 0 and 1 in halves elsewhere."""
    label = np.zeros((100, 100), np.uint8)
    label[:, 50:] = 1
    label[:corner, :corner] = 2
    return np.zeros((100, 100, 3), np.uint8), label


def test_a_crop_without_the_wanted_classes_is_drawn_again():
    image, label = rare(corner=30)

    def share(recipe, classes):
        crops = [
            cut_out(image, label, replace(recipe, crop_classes=classes), (20, 20), np.random.default_rng(seed))[1]
            for seed in range(100)
        ]
        return sum(bool((crop == 2).any()) for crop in crops) / len(crops)

    by_chance = 29 / 81 * 29 / 81  # 0.13
    assert share(PLAIN, ()) == pytest.approx(by_chance, abs=0.1)
    assert share(PLAIN, (2,)) == pytest.approx(1 - (1 - by_chance) ** 10, abs=0.12)  # 0.75
    # hardly any crop with class 2 is mixed: a crop that holds the class is preferred to one that is mixed
    strict = dataclasses.replace(PLAIN, max_class_share=0.5)
    assert share(strict, (2,)) == pytest.approx(1 - (1 - by_chance) ** 10, abs=0.12)


def test_if_no_crop_holds_the_classes_the_first_of_ten_is_taken():
    image, label = coded(100, 100)
    used, by_hand = np.random.default_rng(0), np.random.default_rng(0)
    pixels, _ = cut_out(image, label, replace(PLAIN, crop_classes=(9,)), (20, 20), used)
    by_hand.uniform(1, 1)
    draws = [(int(by_hand.integers(0, 81)), int(by_hand.integers(0, 81))) for _ in range(10)]
    assert used.bit_generator.state == by_hand.bit_generator.state
    rows, columns = places(pixels)
    assert (int(rows[0, 0]), int(columns[0, 0])) == draws[0]


def test_no_wanted_classes_change_no_draw():
    image, label = rare()
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    strict = dataclasses.replace(RECIPE, max_class_share=0.6)
    for _ in range(20):
        first = augmented(image, label, strict, (20, 20), one)
        second = augmented(image, label, replace(strict, crop_classes=(0, 1, 2)), (20, 20), other)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert one.bit_generator.state == other.bit_generator.state


def test_crops_are_drawn_for_classes_as_often_as_the_weights_say():
    image, label = coded(60, 80)
    label[:] = 0
    label[25:35, 35:45], label[50:, :10] = 1, 2  # one crop in nine holds one of the two, by chance
    weighted = replace(PLAIN, class_weights=(1.0, 3.0, 0.0))

    def share(recipe):
        targets = [augmented(image, label, recipe, (12, 12), np.random.default_rng(seed))[1] for seed in range(400)]
        return [np.mean([bool((target == index).any()) for target in targets]) for index in (1, 2)]

    by_chance, drawn = share(PLAIN), share(weighted)
    assert by_chance[0] < 0.25
    assert drawn[0] == pytest.approx(0.25 * by_chance[0] + 0.75 * (1 - (1 - by_chance[0]) ** 10), abs=0.07)
    assert drawn[1] < by_chance[1] + 0.05


def test_the_class_of_a_crop_is_drawn_with_its_weight():
    generator = np.random.default_rng(0)
    drawn = [drawn_class((1.0, 0.0, 3.0), generator) for _ in range(2000)]
    assert drawn.count((0,)) / 2000 == pytest.approx(0.25, abs=0.03)
    assert set(drawn) == {(0,), (2,)}
    assert drawn_class((), generator) == ()


def test_ignored_pixels_have_no_share():
    label = np.full((10, 10), 255, np.uint8)
    label[0, :3] = 1
    assert not is_mixed(label, 0.75)
    label[0, 3] = 2
    assert is_mixed(label, 0.75)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.3, 1.5])
def test_saturation_moves_colours_to_or_from_the_brightest_channel(factor):
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    peak, low = image.amax(0), image.amin(0)
    limit = (peak / (peak - low)).clamp(max=factor)  # where saturation reaches 1
    torch.testing.assert_close(tinted(image, factor, 0), peak + limit * (image - peak), atol=1e-5, rtol=0)


@pytest.mark.parametrize("hue", [-0.1, -0.03, 0.05, 0.1])
def test_hue_equals_torchvisions(hue):
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tinted(image, 1, hue), F.adjust_hue(image, hue), atol=1e-5, rtol=0)


def test_grey_and_black_stay_grey_and_black():
    grey = torch.full((3, 4, 4), 0.4)
    torch.testing.assert_close(tinted(grey, 1.5, 0.1), grey)
    assert (tinted(torch.zeros(3, 4, 4), 1.5, 0.1) == 0).all()


def test_distortion_stays_in_range_and_each_part_is_drawn_half_the_time():
    image = torch.full((3, 8, 8), 0.5)  # grey: saturation and hue do nothing to it
    values = torch.tensor([float(distorted(image, np.random.default_rng(seed)).mean()) for seed in range(1000)])
    assert 0.2 < float((values == 0.5).float().mean()) < 0.3  # neither brightness nor contrast: 1/4
    assert float(values.min()) >= 0.5 * (0.5 - 32 / 255) - 1e-6
    assert float(values.max()) <= 1.5 * (0.5 + 32 / 255) + 1e-6
    assert float(values.max()) > 0.8
    assert float(values.min()) < 0.25
