"""The Cityscapes reader: layouts, label ids, official counts, damage."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data.base import IGNORE
from benchmark.data.cityscapes import CLASSES, TRAIN_IDS, Cityscapes
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract

# The table as printed in the MagNet sources and in torchvision, typed apart from the reader's own.
PAIRS = "7:0 8:1 11:2 12:3 13:4 17:5 19:6 20:7 21:8 22:9 23:10 24:11 25:12 26:13 27:14 28:15 31:16 32:17 33:18"


class TestCityscapes(DatasetContract):
    reader = Cityscapes
    train = ("aachen_000000_000019", "aachen_000001_000019", "bochum_000000_000313")
    val = "frankfurt_000000_000294"
    layouts = ("labelIds", "labelTrainIds")

    def write(self, root, layout):
        fakes.write_cityscapes(root, self.train, kind=layout)
        return fakes.write_cityscapes(root, [self.val], split="val", kind=layout)

    def expected_label(self, image_id):
        expected = {int(pair.split(":")[0]): int(pair.split(":")[1]) for pair in PAIRS.split()}
        label_ids = fakes.fake_label(image_id, fakes.SIZE, 34)
        return np.vectorize(lambda value: expected.get(value, IGNORE), otypes=[np.uint8])(label_ids)


def test_label_id_table():
    hits = {index: int(train_id) for index, train_id in enumerate(TRAIN_IDS) if train_id != IGNORE}
    assert hits == {int(pair.split(":")[0]): int(pair.split(":")[1]) for pair in PAIRS.split()}
    assert TRAIN_IDS[255] == IGNORE  # the licence plate, -1, in 8 bits
    assert len(TRAIN_IDS) == 256


def test_classes_and_palette_are_those_of_mmsegmentation():
    folder = Path(importlib.util.find_spec("mmseg").origin).parent  # read, not imported: that takes five seconds
    tree = ast.parse((folder / "datasets/cityscapes.py").read_text(encoding="utf-8"))
    facts = {node.arg: node.value for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    names, palette = ast.literal_eval(facts["classes"]), ast.literal_eval(facts["palette"])
    assert [name.replace(" ", "_") for name in names] == list(Cityscapes.info.classes)
    assert [tuple(colour) for colour in palette] == [colour for _, _, colour in CLASSES]


def test_label_ids_win_where_both_kinds_exist(tmp_path):
    fakes.write_cityscapes(tmp_path, TestCityscapes.train, kind="labelTrainIds")
    fakes.write_cityscapes(tmp_path, TestCityscapes.train, kind="labelIds")
    assert Cityscapes(tmp_path).label_path(TestCityscapes.train[0]).name.endswith("_labelIds.png")


def test_value_that_is_no_label_id(tmp_path):
    dataset = Cityscapes(fakes.write_cityscapes(tmp_path, TestCityscapes.train[:1]))
    path = dataset.label_path(TestCityscapes.train[0])
    mask = np.array(Image.open(path))
    mask[:2, :2] = 77
    mask[4, 4] = 255
    Image.fromarray(mask).save(path)
    with pytest.raises(DataError, match="value 77 in 4 pixels, expected label ids 0-33 and 255"):
        dataset.read(TestCityscapes.train[0])


def test_counts_are_checked_against_the_authors(tmp_path):
    dataset = Cityscapes(fakes.write_cityscapes(tmp_path, TestCityscapes.train))
    assert [dataset.official_count(split) for split in dataset.splits] == [2975, 500]
    warnings = [problem.message for problem in dataset.verify() if problem.level == "warning"]
    assert any("split 'train' has 3 of 2975 images on disk" in message for message in warnings)
    assert any("split 'val' has 0 of 500 images on disk" in message for message in warnings)
    assert dataset.ids("val") == ()
