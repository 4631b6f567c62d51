"""The readers on real images, where a folder of them is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.base import IGNORE
from benchmark.data.cityscapes import Cityscapes
from benchmark.data.deepglobe import DeepGlobe
from benchmark.data.reading import read_rgb
from benchmark.data.verify import verify_folder
from benchmark.errors import DataError

ROOT = Path(os.environ.get("ISDBENCH_REAL_DATA", Path(__file__).parents[3] / "../shared/data"))
READERS = {"deepglobe": DeepGlobe, "cityscapes": Cityscapes}
pytestmark = pytest.mark.real_data


@pytest.fixture(params=READERS)
def dataset(request):
    folder = ROOT / request.param
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}; set ISDBENCH_REAL_DATA")
    return READERS[request.param](folder)


def test_items(dataset):
    ids = sorted(dataset.available_ids())
    assert ids
    for image_id in ids[:3]:
        image, label = dataset.read(image_id)
        assert image.shape == (*dataset.info.image_size, 3)
        assert label.shape == dataset.info.image_size
        assert image.std() > 10
        classes = set(np.unique(label)) - {IGNORE}
        assert len(classes) > 1
        assert max(classes) < len(dataset.info.classes)


def test_every_id_is_in_an_official_list(dataset):
    assert {image_id for split in dataset.splits for image_id in dataset.ids(split)} == dataset.available_ids()


def test_folder_is_sound(dataset):
    report = verify_folder(dataset)
    assert report.ok, report.lines


def test_half_of_a_real_image_is_refused(dataset, tmp_path):
    image_id = min(dataset.available_ids())
    image, label = dataset.image_path(image_id), dataset.label_path(image_id)
    for file in (image, label):
        copy = tmp_path / file.relative_to(dataset.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        copy.write_bytes(content[: len(content) // 2] if file == image else content)
    with pytest.raises(DataError, match="restore it"):
        type(dataset)(tmp_path).read(image_id)


def test_real_colours_are_pure():
    folder = ROOT / "deepglobe"
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}; set ISDBENCH_REAL_DATA")
    dataset = DeepGlobe(folder)
    for image_id in sorted(dataset.available_ids()):
        mask = read_rgb(dataset.label_path(image_id))
        assert ((mask == 0) | (mask == 255)).all(), image_id
