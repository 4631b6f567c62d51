"""The Inria reader: layouts, 0/255 and 0/1 masks, damage."""

import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from benchmark.data.inria import Inria
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract

STRIP_OFFSETS = 273  # the TIFF tag


class TestInria(DatasetContract):
    reader = Inria
    train = ("austin2", "tyrol-w2", "vienna2")
    val = "austin8"
    layouts = tuple(fakes.INRIA_FOLDERS)  # FCtL's and ISDNet's masks hold 0 and 1, the official ones 0 and 255

    def write(self, root, layout):
        return fakes.write_inria(root, (*self.train, self.val), layout=layout)

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 2)


def test_grey_mask_is_refused(tmp_path):
    dataset = Inria(fakes.write_inria(tmp_path, ["austin2"]))
    path = dataset.label_path("austin2")
    mask = np.array(Image.open(path))
    mask[:2, :3] = 128
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match="value 128 in 6 pixels, expected 0 and 255") as caught:
        dataset.read("austin2")
    assert str(path) in str(caught.value)


def test_lzw_compressed_and_bilevel_files(tmp_path):
    dataset = Inria(fakes.write_inria(tmp_path, ["austin2"]))
    image, label = dataset.read("austin2")
    Image.fromarray(image).save(dataset.image_path("austin2"), compression="tiff_lzw")
    Image.fromarray(label > 0).save(dataset.label_path("austin2"), compression="tiff_lzw")
    again = dataset.read("austin2")
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_array_equal(again[1], label)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_pixels_cut_off_behind_an_intact_directory(tmp_path, compression):
    """As in the released files, whose directory comes first: only decoding finds that pixels are missing."""
    dataset = Inria(fakes.write_inria(tmp_path, ["austin2"], size=(40, 40)))
    path = dataset.image_path("austin2")
    Image.open(path).save(path, compression=compression)
    with Image.open(path) as image:
        (start,) = image.tag_v2[STRIP_OFFSETS]
    content = path.read_bytes()
    entry = content.index(struct.pack("<HH", STRIP_OFFSETS, 4))
    moved = struct.pack("<I", len(content) - 100)  # the strip now runs out of the file
    assert content[entry + 8 : entry + 12] == struct.pack("<I", start)
    path.write_bytes(content[: entry + 8] + moved + content[entry + 12 :])
    with pytest.raises(DataError, match="restore it"):
        dataset.read("austin2")


def test_image_of_full_size_is_no_decompression_bomb(tmp_path):
    dataset = Inria(fakes.write_inria(tmp_path, ["austin2"], size=(16, 16)))
    Image.new("RGB", (5000, 5000)).save(dataset.image_path("austin2"), compression="tiff_lzw")
    Image.new("L", (5000, 5000)).save(dataset.label_path("austin2"), compression="tiff_lzw")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dataset.check_pair("austin2") == []


def test_paper_column_is_the_building_class():
    assert [Inria.info.classes[index] for index in Inria.info.paper_classes] == ["building"]
