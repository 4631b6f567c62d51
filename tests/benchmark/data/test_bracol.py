"""The BRACOL reader: colour and index masks, damage."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.bracol import BRACOL
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestBRACOL(DatasetContract):
    reader = BRACOL
    train = ("1001", "101", "7")
    val = "1016"
    layouts = ("released", "by kind")

    def write(self, root, layout):
        fakes.write_bracol(root, self.train, layout=layout)
        return fakes.write_bracol(root, [self.val], split="val", layout=layout)

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 3)


@pytest.mark.parametrize("colour", [(255, 176, 0), (0, 175, 0), (254, 0, 0), (0, 0, 9), (255, 0, 1)])
def test_colour_that_is_no_class(tmp_path, colour):
    dataset = BRACOL(fakes.write_bracol(tmp_path, ["7"]))
    path = dataset.label_path("7")
    mask = np.array(Image.open(path))
    mask[2, 3:7] = colour
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError) as caught:
        dataset.read("7")
    assert str(caught.value).startswith(f"{path}: 4 pixels have a colour that is no class, the first RGB {colour}")


def test_index_that_is_no_class(tmp_path):
    dataset = BRACOL(fakes.write_bracol(tmp_path, ["7"], layout="by kind"))
    path = dataset.label_path("7")
    mask = np.array(Image.open(path))
    mask[0, :2] = 3
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match="value 3 in 2 pixels, expected class indices 0-2"):
        dataset.read("7")


def test_counts_are_checked_against_the_authors(tmp_path):
    dataset = BRACOL(fakes.write_bracol(tmp_path, ["7"], split="test"))
    warnings = [problem.message for problem in dataset.verify() if problem.level == "warning"]
    assert any("split 'train' has 0 of 400 images on disk" in message for message in warnings)
    assert any("split 'test' has 1 of 50 images on disk" in message for message in warnings)
