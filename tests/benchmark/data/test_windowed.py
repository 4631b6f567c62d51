"""Training crops of large TIFFs are read as windows, and are the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.data import windowed
from benchmark.data.card_file import FILE, dataset_of
from benchmark.data.opening import BadFileError
from benchmark.data.windowed import Windowed
from benchmark.training.sampling import DecodedImages, Samples
from tests.benchmark.data import odd
from tests.benchmark.data.odd import LABEL, PIXELS, saved, tiff
from tests.benchmark.tiny import RECIPE

pytest.importorskip("rasterio")
TILES = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A dataset whose first image and mask are TIFFs that count as large."""
    monkeypatch.setattr(windowed, "LARGE_PIXELS", 1000)
    odd.dataset_in(tmp_path)
    tiff(PIXELS, **TILES)(tmp_path / "images" / "p0.png")
    tiff(LABEL[..., None] + 0, **TILES)(tmp_path / "masks" / "p0.png")
    return dataset_of(tmp_path / FILE)(tmp_path)


@pytest.mark.parametrize("changes", [{}, {"rotate": "right-angles", "max_class_share": 0.4}, {"crop_classes": (2,)}])
@pytest.mark.parametrize("crop", [(24, 20), (90, 90)])  # the second is larger than the image
def test_samples_are_those_of_the_decoded_image(dataset, monkeypatch, changes, crop):
    def samples():
        made = Samples(DecodedImages(dataset, 10), ["p0"], replace(RECIPE, **changes), crop, 0)
        return [made[number] for number in range(12)]

    assert all(isinstance(part, Windowed) for part in dataset.pixels("p0"))
    read = samples()
    monkeypatch.setattr(windowed, "LARGE_PIXELS", 10**9)
    assert all(isinstance(part, np.ndarray) for part in dataset.pixels("p0"))
    for (image, target), (again, target_again) in zip(read, samples(), strict=True):
        assert torch.equal(image, again)
        assert torch.equal(target, target_again)


def test_windows_keep_nothing_in_memory(dataset):
    images = DecodedImages(dataset, 0.001)
    images.read("p0")
    assert "p0" in images.kept
    assert images.used == 0


@pytest.mark.parametrize(
    "other",
    [
        saved(),  # no TIFF
        odd.turned(6, "TIFF"),
        saved(Image.fromarray(PIXELS).convert("CMYK"), "TIFF"),
        tiff(np.dstack([PIXELS, PIXELS])),
    ],
)
def test_other_images_are_not_read_in_windows(dataset, other):
    path = dataset.image_path("p0")
    other(path)
    assert windowed.windowed_size(path, "RGB") is None


def test_a_mask_that_windows_would_show_otherwise_is_decoded(dataset):
    saved(odd.coloured(), "TIFF")(dataset.label_path("p0"))
    assert all(isinstance(part, np.ndarray) for part in dataset.pixels("p0"))
    tiff(LABEL[..., None][:-1], **TILES)(dataset.label_path("p0"))
    with pytest.raises(BadFileError, match="mask is 47x40"):
        dataset.pixels("p0")


def test_a_value_that_is_no_class_is_named_where_it_is(dataset):
    strange = LABEL.copy()
    strange[40:, 30:] = 9
    tiff(strange[..., None], **TILES)(dataset.label_path("p0"))
    _, label = dataset.pixels("p0")
    assert np.array_equal(label[0:40, 0:40], LABEL[:40])
    with pytest.raises(BadFileError, match=r"p0\.png: value 9 in 4 pixels"):
        label[38:42, 38:40]
