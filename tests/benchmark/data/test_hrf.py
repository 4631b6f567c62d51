"""The HRF reader: both layouts, capital suffixes, uncertain pixels, damage."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.hrf import HRF
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestHRF(DatasetContract):
    reader = HRF
    train = ("01_dr", "02_g", "03_h")
    val, other_split = "09_dr", "test"
    layouts = ("released", "by kind")

    def write(self, root, layout):
        fakes.write_hrf(root, self.train, layout=layout)
        return fakes.write_hrf(root, [self.val], split="test", layout=layout)

    def expected_label(self, image_id):
        values = fakes.fake_label(image_id, fakes.SIZE, 4)
        return np.where(values == 3, 255, values)


def test_value_that_is_no_label(tmp_path):
    dataset = HRF(fakes.write_hrf(tmp_path, ["01_dr"]))
    path = dataset.label_path("01_dr")
    mask = np.array(Image.open(path))
    mask[0, :5] = 4
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match="value 4 in 5 pixels, expected 0-3"):
        dataset.read("01_dr")


def test_counts_are_checked_against_the_authors(tmp_path):
    dataset = HRF(fakes.write_hrf(tmp_path, ["01_dr"]))
    warnings = [problem.message for problem in dataset.verify() if problem.level == "warning"]
    assert any("split 'train' has 1 of 24 images on disk" in message for message in warnings)
    assert any("split 'test' has 0 of 21 images on disk" in message for message in warnings)


def test_vessel_is_artery_and_vein():
    classes = HRF.info.merged_classes["vessel"]
    assert [HRF.info.classes[index] for index in classes] == ["artery", "vein"]


def test_colours_are_not_distorted():
    assert not HRF.info.training.photometric
