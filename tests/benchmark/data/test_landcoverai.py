"""The LandCover.ai reader: tiles, and the lists of the release."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.landcoverai import LandCoverAI
from benchmark.data.prepare import prepare
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract

TILE = "M-33-20-D-c-4-2"


class TestLandCoverAI(DatasetContract):
    reader = LandCoverAI
    train = (f"{TILE}_5", f"{TILE}_10", f"{TILE}_0")  # not sorted: the list's order counts
    val = f"{TILE}_7"
    layouts = ("official",)

    def write(self, root, layout):
        fakes.write_landcoverai(root, {"train": self.train, "val": [self.val]})
        (root / "test.txt").write_text(f"{TILE}_9\n", encoding="ascii")  # listed, and not on disk
        return root

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 5)


@pytest.fixture
def dataset(tmp_path):
    return LandCoverAI(fakes.write_landcoverai(tmp_path / "source", {"train": ["a_0"], "test": ["a_1"]}))


def test_missing_list_is_named(dataset):
    (dataset.root / "val.txt").unlink()
    with pytest.raises(DataError, match=r"val\.txt: no such list of the split's tiles; restore it"):
        dataset.ids("val")


def test_lists_are_prepared_with_the_tiles(tmp_path, dataset):
    assert prepare(LandCoverAI, dataset.root, tmp_path / "out").on_disk == {"train": 1, "val": 0, "test": 1}


def test_one_channel_reads_the_same(dataset):
    path, (_, label) = dataset.label_path("a_0"), dataset.read("a_0")
    Image.fromarray(label).save(path)
    np.testing.assert_array_equal(dataset.read("a_0")[1], label)


@pytest.mark.parametrize(("pixel", "message"), [((5, 5, 5), "value 5 in 1 pixels"), ((1, 2, 1), "holds colours")])
def test_value_that_is_no_class(dataset, pixel, message):
    path = dataset.label_path("a_0")
    mask = np.array(Image.open(path))
    mask[0, 0] = pixel
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match=message):
        dataset.read("a_0")
