"""Preparing a download: archives and foreign layouts become the official one."""

import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.data.bracol import BRACOL
from benchmark.data.cityscapes import Cityscapes
from benchmark.data.deepglobe import DeepGlobe
from benchmark.data.hrf import HRF
from benchmark.data.inria import Inria
from benchmark.data.prepare import prepare
from benchmark.data.synthetic import Synthetic
from benchmark.errors import DataError, UserError
from tests.benchmark.data import fakes

CITY_IDS = ("aachen_000000_000019",)


def files(root):
    there = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in there if path.name != "SHA256SUMS")


@pytest.mark.parametrize("layout", fakes.DEEPGLOBE_FOLDERS)
def test_deepglobe_layouts(tmp_path, layout):
    source = fakes.write_deepglobe(tmp_path / "source", ["119", "2774"], layout=layout)
    report = prepare(DeepGlobe, source, tmp_path / "out")
    assert report.on_disk == {"train": 1, "val": 1, "test": 0}
    names = ("119_mask.png", "119_sat.jpg", "2774_mask.png", "2774_sat.jpg")
    assert files(tmp_path / "out") == [f"land-train/{name}" for name in names]
    assert Image.open(tmp_path / "out/land-train/119_mask.png").mode == "RGB"
    before, after = DeepGlobe(source).read("119"), DeepGlobe(tmp_path / "out").read("119")
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.parametrize("layout", fakes.INRIA_FOLDERS)
def test_inria_layouts(tmp_path, layout):
    source = fakes.write_inria(tmp_path / "source", ["austin2"], layout=layout)
    prepare(Inria, source, tmp_path / "out")
    assert files(tmp_path / "out") == ["train/gt/austin2.tif", "train/images/austin2.tif"]
    mask = np.array(Image.open(tmp_path / "out/train/gt/austin2.tif"))
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask > 0, Inria(source).read("austin2")[1])


@pytest.mark.parametrize("layout", ["released", "by kind"])
def test_hrf_layouts(tmp_path, layout):
    source = fakes.write_hrf(tmp_path / "source", ["01_dr", "02_g"], layout=layout)
    fakes.write_hrf(source, ["09_h"], split="test", layout=layout)
    assert prepare(HRF, source, tmp_path / "out").on_disk == {"train": 2, "test": 1}
    images = ("test/images/09_h.jpg", "training/images/01_dr.JPG", "training/images/02_g.jpg")
    masks = ("test/1st_manual/09_h_AVmanual.png", *(f"training/1st_manual/{n}_AVmanual.png" for n in ("01_dr", "02_g")))
    assert files(tmp_path / "out") == sorted((*images, *masks))


def test_bracol_index_masks_become_colour_masks(tmp_path):
    source = fakes.write_bracol(tmp_path / "source", ["7"], layout="by kind")
    assert prepare(BRACOL, source, tmp_path / "out").on_disk == {"train": 1, "val": 0, "test": 0}
    assert files(tmp_path / "out") == ["annotations/train/7_mask.png", "images/train/7.jpg"]
    assert Image.open(tmp_path / "out/annotations/train/7_mask.png").mode == "RGB"
    np.testing.assert_array_equal(BRACOL(tmp_path / "out").read("7")[1], BRACOL(source).read("7")[1])


@pytest.mark.parametrize("kind", ["zip", "gztar", "tar"])
def test_two_archives_of_cityscapes(tmp_path, kind):
    source = fakes.write_cityscapes(tmp_path / "source", CITY_IDS)
    archives = tmp_path / "archives"
    for part in ("leftImg8bit", "gtFine"):
        shutil.make_archive(str(archives / f"{part}_trainvaltest"), kind, source, part)
    report = prepare(Cityscapes, archives, tmp_path / "out")
    assert report.on_disk["train"] == 1
    assert files(tmp_path / "out") == files(source)
    assert Cityscapes(tmp_path / "out").ids("train") == CITY_IDS


def test_archive_with_a_folder_around(tmp_path):
    fakes.write_inria(tmp_path / "source/AerialImageDataset", ["austin2"])
    archive = shutil.make_archive(str(tmp_path / "NEW2-AerialImageDataset"), "zip", tmp_path / "source")
    assert prepare(Inria, tmp_path / archive, tmp_path / "out").on_disk["train"] == 1


def test_again_keeps_what_is_there(tmp_path):
    source = fakes.write_deepglobe(tmp_path / "source", ["119"], layout="GLNet")
    prepare(DeepGlobe, source, tmp_path / "out")
    mask = tmp_path / "out/land-train/119_mask.png"
    before = mask.stat().st_mtime_ns
    fakes.write_deepglobe(source, ["119", "2774"], layout="GLNet")
    assert prepare(DeepGlobe, source, tmp_path / "out").on_disk == {"train": 1, "val": 1, "test": 0}
    assert mask.stat().st_mtime_ns == before


def test_damage_is_reported_not_repaired(tmp_path):
    source = fakes.write_deepglobe(tmp_path / "source", ["119", "2774"])
    image = source / "land-train/119_sat.jpg"
    image.write_bytes(image.read_bytes()[:100])
    (source / "land-train/2774_mask.png").unlink()
    report = prepare(DeepGlobe, source, tmp_path / "out")
    found = {problem.file.name for problem in report.problems if problem.level == "error"}
    assert found == {"119_sat.jpg", "2774_sat.jpg"}


def test_truncated_archive(tmp_path):
    fakes.write_inria(tmp_path / "source", ["austin2"])
    archive = tmp_path / "inria.tar.gz"
    shutil.make_archive(str(tmp_path / "inria"), "gztar", tmp_path / "source")
    archive.write_bytes(archive.read_bytes()[:500])
    with pytest.raises(DataError, match=r"cannot be unpacked .* download it again") as caught:
        prepare(Inria, archive, tmp_path / "out")
    assert str(caught.value).startswith(str(archive))


def test_absent_source_says_where_to_get_the_data(tmp_path):
    with pytest.raises(DataError, match="absent: no such file or folder: name the download; get DeepGlobe from http"):
        prepare(DeepGlobe, tmp_path / "absent", tmp_path / "out")
    with pytest.raises(DataError, match="--root is missing: name the download; get Inria Aerial from http"):
        prepare(Inria, None, tmp_path / "out")


def test_source_without_the_dataset(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(DataError, match="no Cityscapes images here"):
        prepare(Cityscapes, tmp_path / "source", tmp_path / "out")


def test_synthetic_world_is_not_prepared(tmp_path):
    with pytest.raises(
        UserError, match="--dataset synthetic: there is no download to prepare; get it from 'isdbench data synth"
    ):
        prepare(Synthetic, tmp_path, tmp_path / "out")
