"""The LoveDA reader: values, no data, counts."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.base import IGNORE
from benchmark.data.loveda import LoveDA
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestLoveDA(DatasetContract):
    reader = LoveDA
    train = ("0", "1", "1366")
    val = "2522"
    layouts = ("official",)

    def write(self, root, layout):
        fakes.write_loveda(root, self.train[:2], scene="Rural")
        fakes.write_loveda(root, self.train[2:], scene="Urban")
        return fakes.write_loveda(root, [self.val], split="Val", scene="Rural")

    def expected_label(self, image_id):
        table = np.array([IGNORE, 0, 1, 2, 3, 4, 5, 6], np.uint8)
        return table[fakes.fake_label(image_id, fakes.SIZE, 8)]


def test_value_that_is_no_class(tmp_path):
    dataset = LoveDA(fakes.write_loveda(tmp_path, ["0"]))
    path = dataset.label_path("0")
    mask = np.array(Image.open(path))
    mask[0, :3] = 8
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match="value 8 in 3 pixels, expected 0-7"):
        dataset.read("0")


def test_test_images_without_labels_are_left_alone(tmp_path):
    fakes.write_loveda(tmp_path, ["0"])
    fakes.write_loveda(tmp_path, ["4191"], split="Test")
    dataset = LoveDA(tmp_path)
    assert dataset.available_ids() == {"0"}
    assert [dataset.official_count(split) for split in dataset.splits] == [2522, 1669]
