"""The metric against counts by hand, two independent implementations and properties."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.accuracy.metrics import (
    boundary_counts,
    boundary_iou,
    confusion,
    ious,
    mean_iou,
    merged_iou,
    metrics,
    without_truth,
)
from tests.benchmark.tiny import INFO

SEEDS = st.integers(0, 2**32 - 1)


def maps(seed: int, size: tuple[int, int], classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, size, dtype=np.uint8)
    prediction = np.where(generator.random(size) < 0.7, label, generator.integers(0, classes, size)).astype(np.uint8)
    label[generator.random(size) < 0.1] = 255
    return label, prediction


def by_hand(label: np.ndarray, prediction: np.ndarray, classes: int) -> list[list[int]]:
    counts = [[0] * classes for _ in range(classes)]
    for truth, said in zip(label.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if truth != 255:
            counts[truth][said] += 1
    return counts


def ious_by_histogram(label: np.ndarray, prediction: np.ndarray, classes: int) -> list[float]:
    """The construct of mmsegmentation (three histograms), in float64, where it is exact."""
    truth, said = (torch.from_numpy(m[label != 255]).double() for m in (label, prediction))
    hits, in_truth, in_said = (torch.histc(m, classes, 0, classes - 1) for m in (said[truth == said], truth, said))
    return (100 * hits / (in_truth + in_said - hits)).tolist()


@given(SEEDS, st.integers(1, 20), st.integers(1, 20), st.integers(2, 19))
@settings(max_examples=40, deadline=None)
def test_confusion_equals_a_loop_over_the_pixels(seed, height, width, classes):
    label, prediction = maps(seed, (height, width), classes)
    counts = confusion(label, prediction, classes)
    assert counts.dtype == np.int64
    assert counts.tolist() == by_hand(label, prediction, classes)


@given(SEEDS, st.integers(2, 19))
@settings(max_examples=20, deadline=None)
def test_ious_equal_three_histograms(seed, classes):
    label, prediction = maps(seed, (40, 50), classes)
    assert ious(confusion(label, prediction, classes)) == pytest.approx(ious_by_histogram(label, prediction, classes))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_images_add_up_and_a_perfect_prediction_scores_100(seed):
    label, prediction = maps(seed, (24, 16), 3)
    halves = confusion(label[:9], prediction[:9], 3) + confusion(label[9:], prediction[9:], 3)
    assert (halves == confusion(label, prediction, 3)).all()
    perfect = confusion(label, np.where(label == 255, 0, label).astype(np.uint8), 3)
    assert ious(perfect) == [100.0, 100.0, 100.0]


def test_iou_by_hand_with_an_absent_class():
    label = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
    prediction = np.array([[0, 0, 1, 0], [0, 1, 1, 3]], np.uint8)
    counts = confusion(label, prediction, 4)
    assert counts.tolist() == [[3, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert ious(counts) == [60.0, 50.0, None, None]
    assert mean_iou(counts, range(4)) == 55.0
    assert mean_iou(counts, [2, 3]) is None


def test_a_class_that_is_only_predicted_counts_as_zero():
    counts = confusion(np.zeros((1, 2), np.uint8), np.array([[0, 1]], np.uint8), 2)
    assert ious(counts) == [50.0, 0.0]


def test_counts_beyond_two_to_the_24_are_exact():
    # 22 million background pixels and 2 million errors; a float32 count makes the IoU 1.000
    label = np.zeros((5000, 5000), np.uint8)
    prediction = np.zeros((5000, 5000), np.uint8)
    label[4400:4800] = prediction[4800:] = 1
    counts = confusion(label, prediction, 2)
    assert counts.tolist() == [[22_000_000, 1_000_000], [2_000_000, 0]]
    assert ious(counts)[0] == pytest.approx(88.0)


def test_pixels_labelled_unknown_in_the_three_conventions():
    # rows: truth unknown, land, open water
    counts = np.array([[4, 2, 4], [3, 10, 2], [0, 1, 9]], np.int64)
    scores = metrics(INFO, counts)
    unknown, land, water = 100 * 4 / 13, 100 * 10 / 18, 100 * 9 / 16
    assert scores.iou == pytest.approx({"iou_unknown": unknown, "iou_land": land, "iou_open_water": water})
    assert scores.miou_paper == pytest.approx((land + water) / 2)
    dropped = (100 * 10 / 16 + 100 * 9 / 12) / 2
    assert scores.miou_dataset == pytest.approx(dropped)
    assert scores.conventions == pytest.approx(
        {
            "miou_unknown_counted": (land + water) / 2,
            "miou_unknown_dropped": dropped,
            "miou_unknown_as_class": (unknown + land + water) / 3,
        }
    )
    assert counts[0].sum() == 10  # the caller's matrix is as it was


def test_ignored_pixels_never_count_and_unknown_ones_do():
    label = np.array([[255, 0, 1]], np.uint8)
    prediction = np.array([[1, 1, 1]], np.uint8)
    counts = confusion(label, prediction, 3)
    assert ious(counts)[1] == 50.0
    assert ious(without_truth(counts, 0))[1] == 100.0


def test_building_iou_alone_and_no_conventions_without_an_unknown_class():
    info = dataclasses.replace(
        INFO, classes=("background", "building"), palette=INFO.palette[:2], paper_classes=(1,), unknown_class=None
    )
    scores = metrics(info, np.array([[80, 5], [5, 10]], np.int64))
    assert scores.miou_paper == scores.iou["iou_building"] == 50.0
    assert scores.miou_dataset == pytest.approx((100 * 80 / 90 + 50) / 2)
    assert scores.conventions == {}


def test_merged_classes_by_hand():
    counts = np.array([[90, 3, 2], [1, 4, 5], [2, 6, 7]], np.int64)  # 22 hits, 3 missed, 5 false
    info = dataclasses.replace(INFO, unknown_class=None, merged_classes={"any_land": (1, 2)}, paper_classes=(0, 1, 2))
    scores = metrics(info, counts)
    assert scores.conventions == {"iou_any_land": pytest.approx(100 * 22 / 30)}
    assert "iou_any_land" not in scores.iou
    assert merged_iou(np.zeros((3, 3), np.int64), (1, 2)) is None


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_merged_iou_is_the_iou_of_merged_labels(seed):
    label, prediction = maps(seed, (30, 40), 4)
    one_class = confusion(*(np.where(m == 255, m, (m >= 2).astype(np.uint8)) for m in (label, prediction)), 2)
    assert merged_iou(confusion(label, prediction, 4), (2, 3)) == pytest.approx(ious(one_class)[1])


@pytest.mark.parametrize(
    ("label", "prediction", "message"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), "differ in shape"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 3, np.uint8), "prediction holds 3"),
        (np.full((2, 2), 7, np.uint8), np.zeros((2, 2), np.uint8), "label holds 7"),
    ],
)
def test_values_that_are_no_class_are_refused(label, prediction, message):
    with pytest.raises(ValueError, match=message):
        confusion(label, prediction, 3)


def boundary_by_hand(mask: np.ndarray, width: int) -> np.ndarray:
    """The mask without its erosion: a pixel stays in the erosion when its whole window lies in the mask."""
    padded = np.pad(mask, width)
    window = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1, 2 * width + 1))
    return mask & ~window.all(axis=(2, 3))


@given(SEEDS, st.integers(8, 70), st.integers(8, 70))
@settings(max_examples=25, deadline=None)
def test_boundary_counts_equal_the_definition_class_by_class(seed, height, width):
    blocks, errors = maps(seed, (9, 9), 3)
    label, prediction = (np.kron(m, np.ones((8, 8), np.uint8))[:height, :width] for m in (blocks, errors))
    known = (label != 255) & (label != 0)
    distance = max(1, round(0.02 * np.hypot(height, width)))
    counts = boundary_counts(INFO, label, prediction)
    for index in (1, 2):
        truth = boundary_by_hand(known & (label == index), distance)
        said = boundary_by_hand(known & (prediction == index), distance)
        assert counts[:, index].tolist() == [(truth & said).sum(), (truth | said).sum()]


def test_boundary_iou_sees_what_iou_does_not():
    label = np.ones((400, 400), np.uint8)
    label[100:300, 100:300] = 2
    shifted = np.roll(label, 6, axis=1)  # 11 pixels wide is the boundary
    blurred = boundary_iou(INFO, boundary_counts(INFO, label, shifted))
    exact = boundary_iou(INFO, boundary_counts(INFO, label, label))
    assert exact == 100.0
    assert blurred < 75 < mean_iou(confusion(label, shifted, 3), (1, 2))


def test_boundary_iou_by_hand():
    # one class fills a 10x10 image: its boundary is the frame of one pixel, 36 pixels
    label = np.ones((10, 10), np.uint8)
    prediction = label.copy()
    prediction[0, 0] = 2
    counts = boundary_counts(INFO, label, prediction)
    # predicted land: the frame without the corner, and the pixel (1, 1) that now touches water: 36 pixels
    assert counts.tolist() == [[0, 35, 0], [0, 37, 1]]
    assert boundary_iou(INFO, counts) == pytest.approx((100 * 35 / 37 + 0) / 2)


@pytest.mark.parametrize("classes", [2, 128, 129, 254])
def test_any_number_of_classes_and_pixels_is_counted_exactly(classes):
    random = np.random.default_rng(classes)
    label, prediction = random.integers(
        0, classes, (2, 401, 487), dtype=np.uint8
    )  # more than one chunk, not a whole one
    label[::7] = 255
    kept = label != 255
    expected = np.zeros((classes, classes), np.int64)
    np.add.at(expected, (label[kept], prediction[kept]), 1)
    assert np.array_equal(confusion(label, prediction, classes), expected)


@pytest.mark.parametrize("classes", [2, 7, 19, 150, 255])
def test_every_pair_of_values_is_counted_where_it_belongs(classes):
    pairs = np.array([(truth, found) for truth in (*range(classes), 255) for found in range(classes)], np.uint8)
    times = np.arange(len(pairs)) % 3 + 1
    label, prediction = (np.repeat(pairs[:, side], times)[None] for side in (0, 1))
    wanted = times.reshape(classes + 1, classes)[:classes]
    assert (confusion(label, prediction, classes) == wanted).all()


@pytest.mark.slow
def test_counts_beyond_what_float32_holds_are_exact():
    label = np.zeros((5000, 3400), np.uint8)  # 17,000,000 pixels: above 2**24
    label[0, 0] = 1
    assert confusion(label, label, 2).tolist() == [[17_000_000 - 1, 0], [0, 1]]
