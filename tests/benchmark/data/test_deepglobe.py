"""The DeepGlobe reader: layouts, colours, tolerance, damage."""

import numpy as np
import pytest
from PIL import Image

from benchmark.data.deepglobe import PALETTE, STRAY_SHARE, DeepGlobe, classes_from_rgb
from benchmark.errors import DataError
from tests.benchmark.data import fakes
from tests.benchmark.data.contract import DatasetContract


class TestDeepGlobe(DatasetContract):
    reader = DeepGlobe
    train = fakes.TRAIN
    val = fakes.VAL[0]
    layouts = tuple(fakes.DEEPGLOBE_FOLDERS)

    def write(self, root, layout):
        return fakes.write_deepglobe(root, (*self.train, self.val), layout=layout)

    def expected_label(self, image_id):
        return fakes.fake_label(image_id, fakes.SIZE, 7)


@pytest.fixture
def dataset(tmp_path):
    return DeepGlobe(fakes.write_deepglobe(tmp_path, ["119"]))


def repaint(dataset, paint, image_id="119"):
    path = dataset.label_path(image_id)
    mask = np.array(Image.open(path))
    paint(mask)
    Image.fromarray(mask).save(path)
    return path


def test_palette_round_trip():
    label = np.arange(7, dtype=np.uint8).reshape(1, 7)
    colours = np.asarray(PALETTE, np.uint8)[label]
    np.testing.assert_array_equal(classes_from_rgb(colours), label)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((3, 250, 251), "urban"),
        ((127, 128, 255), "urban"),
        ((128, 128, 127), "agriculture"),
        ((255, 0, 0), "unknown"),
        ((127, 127, 127), "unknown"),
        ((128, 128, 128), "barren"),
    ],
)
def test_converter_binarises_at_128(colour, name):
    label = classes_from_rgb(np.array([[colour]], np.uint8))
    assert DeepGlobe.info.classes[label[0, 0]] == name


def test_compression_noise_reads_as_the_nearest_colour(dataset):
    _, before = dataset.read("119")
    noise = np.random.default_rng(0).integers(0, 32, (*fakes.SIZE, 3), dtype=np.uint8)
    repaint(dataset, lambda mask: np.copyto(mask, np.where(mask > 127, mask - noise, mask + noise)))
    np.testing.assert_array_equal(dataset.read("119")[1], before)


@pytest.mark.parametrize("colour", [(255, 0, 0), (64, 255, 255), (120, 120, 120), (0, 200, 32), (223, 255, 0)])
def test_colour_outside_the_palette(dataset, colour):
    def paint(mask):
        mask[:4, :5] = colour
        mask[0, 0] = (1, 100, 2)

    path = repaint(dataset, paint)
    with pytest.raises(DataError) as caught:
        dataset.read("119")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: 20 pixels have a colour outside the palette, most of them RGB {colour} (19)")
    assert "export the mask again" in message


def test_stray_pixels_up_to_the_stated_share_are_binarised(tmp_path):
    size = (400, 500)
    limit = int(STRAY_SHARE * size[0] * size[1])
    assert limit == 2
    dataset = DeepGlobe(fakes.write_deepglobe(tmp_path, ["119"], size=size))

    def paint(count):
        return lambda mask: mask[0].__setitem__(slice(0, count), (100, 200, 150))

    repaint(dataset, paint(limit))
    assert (dataset.read("119")[1][0, :limit] == 1).all()
    repaint(dataset, paint(limit + 1))
    with pytest.raises(DataError, match="3 pixels"):
        dataset.read("119")


def test_index_mask_with_a_value_that_is_no_class(tmp_path):
    dataset = DeepGlobe(fakes.write_deepglobe(tmp_path, ["119"], layout="GLNet"))
    path = repaint(dataset, lambda mask: mask[0].__setitem__(slice(0, 3), 7))
    with pytest.raises(DataError, match="value 7 in 3 pixels, expected class indices 0-6") as caught:
        dataset.read("119")
    assert str(path) in str(caught.value)


def test_paletted_mask_is_refused_because_its_indices_are_ambiguous(dataset):
    path = dataset.label_path("119")
    Image.open(path).quantize(7).save(path)
    with pytest.raises(DataError, match="mode 'P'"):
        dataset.read("119")


def test_verify_of_a_folder_with_unlisted_and_doubled_files(tmp_path):
    fakes.write_deepglobe(tmp_path, ["119", "1", "2"], layout="GLNet")
    (tmp_path / "train/Sat").mkdir(parents=True)
    copy = tmp_path / "train/Sat/119_sat.jpg"
    copy.write_bytes((tmp_path / "crossvali/Sat/119_sat.jpg").read_bytes())
    (tmp_path / "crossvali/Sat/._119_sat.jpg").write_bytes(b"left by a file manager")
    dataset = DeepGlobe(tmp_path)
    assert dataset.image_path("119") == tmp_path / "crossvali/Sat/119_sat.jpg"
    lines = [str(problem) for problem in dataset.verify() if problem.level == "warning"]
    assert not any("._119" in line for line in lines)
    assert any("2 ids in no official list, never used: 1, 2" in line for line in lines)
    assert any(line.startswith(f"{copy}: a second file of id '119'") for line in lines)
    assert any("split 'train' has 1 of 454 images on disk (missing: " in line for line in lines)


def test_unlisted_image_without_mask_is_a_warning(tmp_path):
    fakes.write_deepglobe(tmp_path, ["119", "1"])
    (tmp_path / "land-train/1_mask.png").unlink()
    dataset = DeepGlobe(tmp_path)
    assert dataset.ids("train") == ("119",)
    assert dataset.unpaired()["1"].level == "warning"


def test_empty_split(dataset):
    assert dataset.ids("test") == ()
