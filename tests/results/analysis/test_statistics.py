"""Medians, seeds, images, scenes and ranks: hand-computed values, and an interval that covers as often as it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.analysis.statistics import (
    FEWEST,
    by_image,
    image_scores,
    median_bounds,
    of_median,
    of_scenes,
    over_seeds,
    ranks,
)

TRIALS = 4000
SIZES = (6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 100)
SHAPES = {  # draws and their true median
    "normal": (lambda generator, size: generator.standard_normal(size), 0.0),
    "skewed": (lambda generator, size: generator.lognormal(0, 1, size), 1.0),
    "very skewed": (lambda generator, size: generator.exponential(1, size) ** 3, math.log(2) ** 3),
    "heavy tails": (lambda generator, size: generator.standard_t(2, size), 0.0),
    "no mean": (lambda generator, size: generator.standard_cauchy(size), 0.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_covers_the_median_in_95_of_100_samples_of_any_shape_and_size(shape):
    draw, truth = SHAPES[shape]
    generator = np.random.default_rng(20)
    for size in SIZES:
        low, high = median_bounds(draw(generator, (TRIALS, size)))
        assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97, size


def test_a_gap_at_the_median_is_the_limit_of_the_interpolation():
    generator = np.random.default_rng(23)
    for size in SIZES:
        low, high = median_bounds(generator.normal(0, 0.3, (TRIALS, size)) + generator.choice([-2, 2], (TRIALS, size)))
        assert 0.86 <= np.mean((low <= 0) & (high >= 0)) <= 0.99, size


def test_images_of_few_cities_are_covered_by_city_and_not_by_image():
    """Eight cities of twelve images each; images of one city share most of their difference."""
    generator = np.random.default_rng(21)
    of_city = generator.standard_t(4, (TRIALS, 8, 1))
    differences = (of_city + generator.normal(0, 0.7, (TRIALS, 8, 12))).reshape(TRIALS, -1)
    cities = [f"city{index // 12}" for index in range(96)]
    estimates = [of_scenes(row, cities) for row in differences[:1500]]
    assert estimates[0].n == 8
    assert 0.93 <= np.mean([one.low <= 0 <= one.high for one in estimates]) <= 0.97
    low, high = median_bounds(differences)
    assert np.mean((low <= 0) & (high >= 0)) < 0.7


def test_two_systems_share_the_difficulty_of_their_images():
    """Scores of one system vary by ten points between images, those of two by one: only the difference matters."""
    generator = np.random.default_rng(22)
    difficulty = generator.gamma(2, 5, (TRIALS, 10))
    base, head = (70 - difficulty + generator.normal(0, 0.7, difficulty.shape) for _ in range(2))
    for effect, resolved in ((0.0, (0.03, 0.07)), (2.0, (0.95, 1.0))):
        low, high = median_bounds(head + effect - base)
        assert resolved[0] <= np.mean((low > 0) | (high < 0)) <= resolved[1]


def test_the_ends_by_hand():
    """Of six, the extremes hold the median with 62 of 64, the next two with 50 of 64: a tenth of the way is 95 %."""
    share = (62 / 64 - 0.95) / (12 / 64)
    inwards = 5 * share / (1 + 4 * share)
    estimate = of_median([6.0, 1.0, 5.0, 2.0, 4.0, 3.0])
    assert (estimate.value, estimate.n) == (3.5, 6)
    assert (estimate.low, estimate.high) == pytest.approx((1 + inwards, 6 - inwards))


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (10, 2), (20, 6), (50, 18), (100, 40)])  # Conover (1999), table A3
def test_the_ends_lie_within_the_ranks_of_the_sign_test(n, rank):
    estimate = of_median(range(1, n + 1))
    assert rank <= estimate.low < rank + 1
    assert n - rank < estimate.high <= n - rank + 1


def test_below_six_units_nothing_is_resolved():
    assert of_median([1.0] * (FEWEST - 1)).low is None
    assert not of_median([1.0] * (FEWEST - 1)).resolved
    assert of_median([1.0] * FEWEST).resolved
    with pytest.raises(ValueError, match="no value"):
        of_median([])


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=12), st.floats(-5, 5))
def test_units_shift_turn_and_forget_their_order(values, shift):
    plain, moved = of_median(values), of_median([value + shift for value in values])
    turned = of_median([-value for value in reversed(values)])
    assert (moved.low - shift, moved.high - shift) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert (-turned.high, -turned.low) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert plain.low <= plain.value <= plain.high


def test_seeds_by_hand():
    estimate, deviation = over_seeds([70.0, 72.0, 77.0])
    assert (estimate.value, deviation, estimate.n) == (72.0, pytest.approx(13**0.5), 3)
    assert estimate.low is None
    assert over_seeds([71.5])[1] is None


def test_matrices_are_read_as_written():
    np.testing.assert_array_equal(by_image(["1 2 3 4", "5 6 7 8"]), np.arange(1, 9).reshape(2, 2, 2))


def test_the_score_of_an_image_is_over_the_classes_of_its_truth():
    counts = np.zeros((3, 3, 3), np.int64)
    counts[0] = [[6, 2, 0], [0, 2, 0], [0, 0, 0]]  # class 0: 6 of 8, class 1: 2 of 4
    counts[1] = [[6, 0, 2], [0, 0, 0], [0, 0, 0]]  # two pixels given to a class that the truth does not hold
    counts[2, 2, 2] = 5  # none of the classes
    np.testing.assert_allclose(image_scores(counts, (0, 1)), [62.5, 75, np.nan])


def test_scenes_by_hand():
    estimate = of_scenes(np.array([1.0, 3.0, 9.0, np.nan]), ["a", "a", "b", "c"])
    assert (estimate.value, estimate.n) == (5.5, 2)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=1))
def test_ranks_of_intervals(intervals):
    """Rank 1 exists; whoever beats another ranks before; names in any order get the same ranks."""

    def beats(one, other):
        return intervals[one][0] > sum(intervals[other])  # low of one above high of the other

    found = ranks(list(intervals), beats)
    assert min(found.values()) == 1
    assert all(found[a] < found[b] for a in intervals for b in intervals if beats(a, b))
    assert ranks(list(reversed(intervals)), beats) == found


@given(st.lists(st.integers(), min_size=1, max_size=8, unique=True))
def test_without_ties_ranks_count_from_one(values):
    found = ranks([str(value) for value in values], lambda a, b: int(a) > int(b))
    assert [found[str(value)] for value in sorted(values, reverse=True)] == list(range(1, len(values) + 1))
