"""The URUR reader: colours, never indices."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.urur import OTHERS, URUR
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestURUR(DatasetContract):
    reader = URUR
    train = ("1", "2", "3")
    val = "4"
    layouts = ("official",)

    def write(self, root, layout):
        fakes.write_urur(root, self.train)
        return fakes.write_urur(root, [self.val], split="val")

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 8)


@pytest.fixture
def dataset(tmp_path):
    return URUR(fakes.write_urur(tmp_path, ["1"]))


def test_counts_of_the_authors(dataset):
    assert sum(map(dataset.official_count, dataset.splits)) == 3008


def test_colour_table_reads_as_its_colours(dataset):
    path, (_, label) = dataset.label_path("1"), dataset.read("1")
    Image.open(path).quantize(16).save(path)
    np.testing.assert_array_equal(dataset.read("1")[1], label)


def test_black_is_others(dataset):
    path = dataset.label_path("1")
    mask = np.array(Image.open(path))
    mask[0] = 0
    Image.fromarray(mask).save(path)
    assert (dataset.read("1")[1][0] == OTHERS).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_indices_are_refused(dataset, channels):
    path, (_, label) = dataset.label_path("1"), dataset.read("1")
    Image.fromarray(label if channels == 1 else np.repeat(label[..., None], 3, axis=2)).save(path)
    with pytest.raises(DataError, match="indices"):
        dataset.read("1")
