"""The readers of ISPRS Potsdam and Vaihingen: layouts, colours, the contest's lists."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.potsdam import Potsdam
from benchmark.data.vaihingen import Vaihingen
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestPotsdam(DatasetContract):
    reader = Potsdam
    train = ("top_potsdam_2_10", "top_potsdam_2_11", "top_potsdam_7_9")
    other_split, val = "test", "top_potsdam_2_13"
    layouts = ("official", "labels in a folder")

    def write(self, root, layout):
        return fakes.write_potsdam(root, (*self.train, self.val), layout=layout)

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 6)


class TestVaihingen(DatasetContract):
    reader = Vaihingen
    train = ("top_mosaic_09cm_area1", "top_mosaic_09cm_area3", "top_mosaic_09cm_area37")
    other_split, val = "test", "top_mosaic_09cm_area2"
    layouts = ("official", "labels in a folder", "training labels alone")

    def write(self, root, layout):
        return fakes.write_vaihingen(root, (*self.train, self.val), layout=layout)

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 6)

    def test_verify_refuses_another_size_than_the_datasets(self, root):
        """There is no such size: the tiles differ."""
        assert [problem for problem in self.reader(root).verify() if problem.level == "error"] == []


@pytest.mark.parametrize(
    ("reader", "counts", "tile"),
    [(Potsdam, (24, 14), "top_potsdam_2_10"), (Vaihingen, (16, 17), "top_mosaic_09cm_area1")],
)
def test_lists_of_the_contest(tmp_path, reader, counts, tile):
    write = fakes.write_potsdam if reader is Potsdam else fakes.write_vaihingen
    dataset = reader(write(tmp_path, [tile]))
    lists = [dataset.official_ids(split) for split in dataset.splits]
    assert tuple(map(len, lists)) == counts
    assert len({*lists[0], *lists[1]}) == sum(counts)


def _mask_with(tmp_path, colour):
    dataset = Potsdam(fakes.write_potsdam(tmp_path, ["top_potsdam_2_10"]))
    path = dataset.label_path("top_potsdam_2_10")
    mask = np.array(Image.open(path))
    mask[0, :4] = colour
    Image.fromarray(mask).save(path)
    return dataset


def test_nearly_pure_colour_is_that_class(tmp_path):
    assert (_mask_with(tmp_path, (252, 255, 3)).read("top_potsdam_2_10")[1][0, :4] == 4).all()


@pytest.mark.parametrize("colour", [(255, 0, 255), (0, 0, 0), (128, 255, 0)])
def test_colour_that_is_no_class(tmp_path, colour):
    with pytest.raises(DataError, match="4 pixels have a colour that is no class, the first RGB"):
        _mask_with(tmp_path, colour).read("top_potsdam_2_10")
