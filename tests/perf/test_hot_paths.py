"""Speed of the hot paths as ratios to a plain way of doing the same, or to work of the same kind.

Where pytest-benchmark is disabled, only the results are tested; `nox -s speed` times and compares with the baseline.
"""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmark import inference
from benchmark.accuracy.metrics import confusion
from benchmark.card import Recipe
from benchmark.cost.winograd import WinogradConv
from benchmark.data.deepglobe import PALETTE, classes_from_rgb
from benchmark.data.synthetic import Synthetic, World, make_world
from benchmark.training.sampling import DecodedImages, Samples
from isdnet.fusion import CHANNELS
from isdnet.pyramid import LaplacianPyramid
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from results.record import Record
from tests.isdnet.nets import image as image_of
from tests.isdnet.nets import net
from tests.results.records import record

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
    ratio(lambda: confusion(truth, prediction, CLASSES), with_bincount)


def test_deepglobe_masks(ratio, labels):
    _, classes = labels
    mask = np.array(PALETTE, np.uint8)[classes]

    def by_colour():
        found = np.zeros(mask.shape[:2], np.uint8)
        for index, colour in enumerate(PALETTE):
            found[(mask == np.array(colour, np.uint8)).all(axis=-1)] = index
        return found

    np.testing.assert_array_equal(classes_from_rgb(mask), by_colour())
    ratio(lambda: classes_from_rgb(mask), by_colour)


def test_labels_from_logits(ratio):
    logits = torch.rand(1, CLASSES, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(7))

    def full_argmax():
        return inference.resize(logits, (SIDE, SIDE)).argmax(1).to(torch.uint8)

    assert torch.equal(inference.labels_from(logits, (SIDE, SIDE)), full_argmax())
    ratio(lambda: inference.labels_from(logits, (SIDE, SIDE)), full_argmax)


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
        ratio(windows, bare)


def test_pyramid(ratio):
    """Two levels of residuals against one 3x3 convolution of the image to as many channels."""
    image, pyramid = image_of(512, 512), LaplacianPyramid()
    weight = torch.ones(6, 3, 3, 3)
    with torch.inference_mode():
        residuals, left = pyramid(image)
        torch.testing.assert_close(pyramid.reconstructed(residuals, left), image)
        ratio(lambda: pyramid.high_frequency(image), lambda: F.conv2d(image, weight, padding=1))


def test_relation_aware_fusion(ratio):
    """The fusion against its four 3x3 convolutions alone, the three on the shallow map's size and the deep one's."""
    fusion = net("isdnet").eval().fuse8
    inputs = fusion.project_shallow.conv.in_channels
    shallow, deep = torch.rand(1, inputs, 48, 48), torch.rand(1, CHANNELS, 12, 12)
    weight = torch.rand(CHANNELS, inputs, 3, 3), torch.rand(CHANNELS, CHANNELS, 3, 3)
    fine = torch.rand(1, CHANNELS, 48, 48)

    def convolutions():
        F.conv2d(shallow, weight[0], padding=1)
        F.conv2d(deep, weight[1], padding=1)
        return [F.conv2d(fine, weight[1], padding=1) for _ in range(2)]

    with torch.inference_mode():
        assert fusion(shallow, deep)[0].shape == (1, CHANNELS, 48, 48)
        ratio(lambda: fusion(shallow, deep), convolutions)


def test_isdnet_predict(ratio):
    """A whole prediction against a matrix product: what the net costs in units of what the machine does best."""
    system, image = net("isdnet").inference_form().eval(), image_of(256, 256)
    square = torch.rand(768, 768)
    with torch.inference_mode():
        assert system.predict(image).shape == (1, 256, 256)
        ratio(lambda: system.predict(image), lambda: [square @ square for _ in range(4)])


def test_loader(ratio, tmp_path):
    """A training sample of an image that is read anew against OpenCV's reading of the two files."""
    make_world(tmp_path, World(), (512, 512), 2, 1, lambda *_: None)
    dataset = Synthetic(tmp_path)
    ids = dataset.ids("train")
    recipe = Recipe(source="a test", crop=(256, 256), iterations=10)

    def sample():
        return Samples(DecodedImages(dataset, 0), ids, recipe, (256, 256), 0)[0]

    files = [file for file in tmp_path.rglob("*") if ids[0] in file.stem and file.is_file()]
    assert len(files) == 2
    assert sample()[0].shape == (3, 256, 256)
    ratio(
        lambda: [sample() for _ in range(8)],
        lambda: [cv2.imread(str(file), cv2.IMREAD_COLOR) for file in files for _ in range(8)],
    )


def test_report(ratio):
    """A table of records against reading those records' JSON fifty times."""
    kinds = ("accuracy", "cost")
    records = [record(kind, f"system{number}", seed=0) for number in range(20) for kind in kinds]
    systems = [SystemFacts(f"system{number}", "S", "library", 1) for number in range(20)]
    texts = [one.model_dump_json() for one in records]
    (table,) = build_tables(records, systems, ["table1"])
    assert {f"system{number}" for number in range(20)} <= {row.system for row in table.rows}
    ratio(
        lambda: build_tables(records, systems, ["table1"]),
        lambda: [Record.model_validate_json(text) for text in texts for _ in range(50)],
    )


def test_winograd(ratio):
    """A convolution of 256 channels as products of tiles against the direct one."""
    conv = torch.nn.Conv2d(256, 256, 3, padding=1).to(memory_format=torch.channels_last)
    fast, image = WinogradConv(conv), torch.rand(1, 256, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(fast(image), conv(image), atol=1e-4, rtol=1e-4)
        ratio(lambda: fast(image), lambda: conv(image))
