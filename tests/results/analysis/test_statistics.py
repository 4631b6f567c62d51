"""Seeds, pairs, images and ranks: hand-computed values, properties, and intervals that cover as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.analysis.statistics import by_image, difference_of_miou, of_pairs, over_seeds, ranks


def covered(trials, at_least):
    """Whether a 95 % interval held the truth as often as its own binomial error allows."""
    return np.mean(trials) >= at_least - 3 * np.sqrt(at_least * (1 - at_least) / len(trials))


def test_three_seeds_by_hand():
    estimate, deviation = over_seeds([70.0, 72.0, 74.0])
    assert (estimate.value, deviation, estimate.n) == (72.0, 2.0, 3)
    assert estimate.high - estimate.value == pytest.approx(4.3027 * 2 / 3**0.5, rel=1e-4)  # t of two degrees, 97.5 %
    assert estimate.value - estimate.low == pytest.approx(estimate.high - estimate.value)


def test_one_seed_has_no_interval():
    estimate, deviation = over_seeds([71.5])
    assert (estimate.value, estimate.low, estimate.high, estimate.n, deviation) == (71.5, None, None, 1, None)
    assert not estimate.resolved
    with pytest.raises(ValueError, match="no value"):
        over_seeds([])


def test_the_interval_over_seeds_covers_the_mean():
    drawn = np.random.default_rng(0).normal(3, 2, (2000, 4))
    estimates = [over_seeds(list(row))[0] for row in drawn]
    assert covered([one.low <= 3 <= one.high for one in estimates], 0.95)


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (8, 4), (10, 9), (20, 53)])  # critical values of Wilcoxon's table + 1
def test_ranks_of_the_signed_rank_interval_are_those_of_the_table(n, rank):
    values = np.random.default_rng(n).normal(size=n)
    means = sorted((values[i] + values[j]) / 2 for i in range(n) for j in range(i, n))
    estimate = of_pairs(list(values))
    assert (estimate.low, estimate.high) == pytest.approx((means[rank - 1], means[-rank]))
    assert estimate.value == pytest.approx(np.median(means))


def test_the_signed_rank_interval_agrees_with_the_test():
    """The ends are where scipy's exact test turns: just inside it does not reject, just outside it does."""
    values = np.random.default_rng(3).normal(size=9)
    estimate = of_pairs(list(values))
    for end, outwards in ((estimate.low, -1e-9), (estimate.high, 1e-9)):
        assert stats.wilcoxon(values - end - outwards, method="exact").pvalue <= 0.05
        assert stats.wilcoxon(values - end + outwards, method="exact").pvalue > 0.05


def test_five_pairs_have_no_interval():
    assert of_pairs([1.0] * 5).low is None
    assert of_pairs([1.0] * 6).resolved


@pytest.mark.parametrize("noise", ["normal", "cauchy"])
def test_the_interval_of_pairs_covers_whatever_the_noise(noise):
    generator = np.random.default_rng(1)
    draw = generator.standard_normal if noise == "normal" else generator.standard_cauchy
    estimates = [of_pairs(list(draw(8) + 0.1)) for _ in range(2000)]
    assert covered([one.low <= 0.1 <= one.high for one in estimates], 0.95)


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=12), st.floats(-5, 5))
def test_pairs_shift_turn_and_forget_their_order(values, shift):
    plain, moved = of_pairs(values), of_pairs([value + shift for value in values])
    turned = of_pairs([-value for value in reversed(values)])
    assert (moved.low - shift, moved.high - shift) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert (-turned.high, -turned.low) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert plain.low <= plain.value <= plain.high


def matrices(images, hit_rate, seed, classes=3):
    """Matrices of images of different kinds, with so many hits of a thousand pixels a class."""
    generator = np.random.default_rng(seed)
    rates = np.clip(hit_rate + generator.normal(0, 0.08, (images, 1)), 0, 1)
    hits = generator.binomial(1000, np.broadcast_to(rates, (images, classes)))
    return np.stack([np.diag(row) + np.roll(np.diag(1000 - row), 1, axis=1) for row in hits]).astype(np.int64)


def test_matrices_are_read_as_written():
    np.testing.assert_array_equal(by_image(["1 2 3 4", "5 6 7 8"]), np.arange(1, 9).reshape(2, 2, 2))


def test_the_difference_of_two_matrices_by_hand():
    base = np.array([[[2, 1], [1, 2]], [[2, 1], [1, 2]]])  # both classes: 4 hits of 8
    head = np.array([[[3, 0], [0, 3]], [[3, 0], [0, 3]]])
    estimate = difference_of_miou(base, head, (0, 1))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((50, 50, 50))
    assert difference_of_miou(head, base, (1,)).value == pytest.approx(-50)
    assert difference_of_miou(base[:1], head[:1], (0,)).low is None


def test_a_system_does_not_differ_from_itself():
    counts = matrices(12, 0.8, seed=0)
    estimate = difference_of_miou(counts, counts, (0, 1, 2))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)
    assert not estimate.resolved


@pytest.mark.parametrize("images", [6, 20])
def test_two_draws_of_one_system_are_seldom_told_apart(images):
    alarms = []
    for seed in range(100):
        base, head = matrices(images, 0.8, 2 * seed), matrices(images, 0.8, 2 * seed + 1)
        alarms.append(difference_of_miou(base, head, (0, 1, 2), seed).resolved)
    assert covered([not alarm for alarm in alarms], 0.95)


def test_pairing_resolves_what_the_images_would_hide():
    base = matrices(20, 0.8, seed=5)
    hits = np.diagonal(base, axis1=1, axis2=2)
    head = base.copy()
    head[:, range(3), range(3)] = np.minimum(hits + 10, 1000)  # one pixel of a hundred better in every image
    estimate = difference_of_miou(base, head, (0, 1, 2))
    assert estimate.resolved
    assert 0 < estimate.low < estimate.value < estimate.high < 3


def test_absent_classes_are_left_out_of_the_mean():
    base = np.zeros((3, 3, 3), np.int64)
    base[:, 0, 0] = 10
    base[0, 1, 0] = 5  # class 1 occurs in one image only, class 2 in none
    estimate = difference_of_miou(base, base, (0, 1, 2))
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


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
