"""Speed of the hot paths as ratios to a plain way of doing the same. Limits are generous: about twice what is usual.

``not ratio > limit`` lets nan pass: where pytest-benchmark is disabled, only the equality of results is tested.
"""

import numpy as np
import pytest
import torch

from benchmark import inference
from benchmark.accuracy import confusion
from benchmark.data.deepglobe import PALETTE, classes_from_rgb

SIDE, CLASSES = 1224, 7


@pytest.fixture
def labels():
    generator = np.random.default_rng(6)
    blocks = generator.integers(0, CLASSES, (2, SIDE // 8, SIDE // 8), dtype=np.uint8)
    truth, prediction = np.kron(blocks, np.ones((1, 8, 8), np.uint8))
    truth[:50, :50] = 255
    return truth, prediction


def test_confusion_matrix(ratio, labels):
    truth, prediction = labels

    def with_bincount():
        kept = truth != 255
        pairs = CLASSES * truth[kept].astype(np.int64) + prediction[kept]
        return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    np.testing.assert_array_equal(confusion(truth, prediction, CLASSES), with_bincount())
    assert not ratio(lambda: confusion(truth, prediction, CLASSES), with_bincount) > 1.2


def test_deepglobe_masks(ratio, labels):
    _, classes = labels
    mask = np.array(PALETTE, np.uint8)[classes]

    def by_colour():
        found = np.zeros(mask.shape[:2], np.uint8)
        for index, colour in enumerate(PALETTE):
            found[(mask == np.array(colour, np.uint8)).all(axis=-1)] = index
        return found

    np.testing.assert_array_equal(classes_from_rgb(mask), by_colour())
    assert not ratio(lambda: classes_from_rgb(mask), by_colour) > 0.06


def test_labels_from_logits(ratio):
    logits = torch.rand(1, CLASSES, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(7))

    def full_argmax():
        return inference.resize(logits, (SIDE, SIDE)).argmax(1).to(torch.uint8)

    assert torch.equal(inference.labels_from(logits, (SIDE, SIDE)), full_argmax())
    assert not ratio(lambda: inference.labels_from(logits, (SIDE, SIDE)), full_argmax) > 0.5


def test_sliding_window(ratio):
    """The window against the bare net on as many patches: what cutting, averaging and bookkeeping cost."""
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 128, 1), torch.nn.Conv2d(128, CLASSES, 1))
    image = torch.rand(1, 3, 612, 612)
    starts = inference.window_starts(612, 128, 32)

    def windows():
        return inference.sliding_window(net, image, 128, 32)

    def bare():
        return [net(image[..., top : top + 128, left : left + 128]) for top in starts for left in starts]

    with torch.inference_mode():
        torch.testing.assert_close(windows(), net(image))
        assert not ratio(windows, bare) > 1.8
