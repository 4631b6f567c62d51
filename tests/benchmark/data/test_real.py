"""The readers on real images; skipped without a folder of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.base import IGNORE
from benchmark.data.bracol import BRACOL
from benchmark.data.cityscapes import Cityscapes
from benchmark.data.deepglobe import DeepGlobe
from benchmark.data.hrf import HRF
from benchmark.data.reading import read_rgb
from benchmark.data.verify import verify_folder
from benchmark.errors import DataError

ROOT = Path(os.environ.get("ISDBENCH_REAL_DATA", Path(__file__).parents[3] / "../shared/data"))
READERS = {"deepglobe": DeepGlobe, "cityscapes": Cityscapes, "hrf": HRF, "bracol": BRACOL}
pytestmark = pytest.mark.real_data


def real(reader, name):
    folder = ROOT / name
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}; set ISDBENCH_REAL_DATA")
    return reader(folder)


@pytest.fixture(params=READERS)
def dataset(request):
    return real(READERS[request.param], request.param)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deepglobe", "cityscapes"])
def test_folder_is_sound(name):
    report = verify_folder(real(READERS[name], name))
    assert report.ok, report.lines


@pytest.mark.slow  # 500 images of 2 megapixels
@pytest.mark.parametrize("name", ["hrf", "bracol"])
def test_full_folder_has_no_problem_at_all(name):
    assert real(READERS[name], name).verify() == []


@pytest.mark.parametrize(
    ("name", "counts", "shares"),
    [
        ("hrf", {"train": 24, "test": 21}, (0.933, 0.031, 0.036)),
        ("bracol", {"train": 400, "val": 50, "test": 50}, None),
    ],
)
def test_full_datasets_have_their_splits_and_classes(name, counts, shares):
    dataset = real(READERS[name], name)
    assert {split: len(dataset.ids(split)) for split in dataset.splits} == counts
    labels = [dataset.read_mask(dataset.label_path(image_id)) for image_id in dataset.ids("test")[:6]]
    pixels = np.bincount(np.concatenate([label.ravel() for label in labels]), minlength=256)
    assert set(np.flatnonzero(pixels[:IGNORE])) == set(range(3))
    if shares:  # arteries and veins are rare, veins are wider, and few pixels are uncertain
        assert pixels[:3] / pixels[:3].sum() == pytest.approx(shares, abs=0.01)
        assert 0 < pixels[IGNORE] / pixels.sum() < 0.01


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
    dataset = real(DeepGlobe, "deepglobe")
    for image_id in sorted(dataset.available_ids()):
        mask = read_rgb(dataset.label_path(image_id))
        assert ((mask == 0) | (mask == 255)).all(), image_id
