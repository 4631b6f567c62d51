"""The seam score: label changes at window borders over those elsewhere."""

import numpy as np
import pytest

from benchmark.card import SlidingWindow
from benchmark.large.seams import Seams


def score(labels, window, step=7):
    seams = Seams(labels.shape, window)
    for top in range(0, len(labels), step):
        seams.add(top, labels[top : top + step])
    return seams.score()


@pytest.mark.parametrize("step", [1, 7, 40])
def test_it_is_the_ratio_of_two_shares_whatever_the_slabs(step):
    labels = np.random.default_rng(0).integers(0, 3, (40, 50), dtype=np.uint8)
    window = SlidingWindow(patch=20, overlap=5)  # starts 0, 15, 20 and 0, 15, 30; ends 20, 35 and 20, 35
    rows, columns = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    at_rows, at_columns = [14, 19, 34], [14, 19, 29, 34]
    changes = rows[at_rows].sum() + columns[:, at_columns].sum()
    pairs = 3 * 50 + 4 * 40
    elsewhere = (rows.sum() + columns.sum() - changes) / (rows.size + columns.size - pairs)
    assert score(labels, window, step) == pytest.approx(changes / pairs / elsewhere)


def test_pairs_of_neighbours_in_two_bands_are_left_out():
    labels = np.random.default_rng(0).integers(0, 3, (40, 50), dtype=np.uint8)
    window, seams = SlidingWindow(patch=20, overlap=5), Seams((40, 50), SlidingWindow(patch=20, overlap=5))
    for left, end in ((0, 25), (25, 50)):
        for top in range(0, 40, 10):
            seams.add(top, labels[top : top + 10, left:end], left)
    whole = Seams(labels.shape, window)
    whole.add(0, labels)
    lost = np.array([40, 0])  # between columns 24 and 25, where no window starts or ends
    assert np.array_equal(seams.pairs, whole.pairs - lost)
    assert np.array_equal(seams.changes, whole.changes - [(labels[:, 24] != labels[:, 25]).sum(), 0])


def test_a_checkerboard_of_windows_is_all_seam():
    labels = np.kron([[0, 1], [1, 0]], np.ones((20, 20), np.uint8)).astype(np.uint8)
    labels[3, 3] = 2  # some change elsewhere
    assert score(labels, SlidingWindow(patch=20, overlap=0)) > 100


def test_there_is_no_score_without_borders_or_changes():
    assert score(np.zeros((20, 20), np.uint8), SlidingWindow(patch=20, overlap=0)) is None
    assert score(np.zeros((40, 40), np.uint8), SlidingWindow(patch=20, overlap=0)) is None
