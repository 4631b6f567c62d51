"""Images read by rows, and label maps written by rows."""

import contextlib

import numpy as np
import pytest
from PIL import Image

from benchmark.data import raster, raster_output
from benchmark.data.opening import BadFileError
from benchmark.data.raster import open_image
from benchmark.data.raster_output import NO_LABEL, is_ours, label_writer
from benchmark.errors import UserError

PIXELS = np.random.default_rng(0).integers(1, 256, (300, 280, 3), dtype=np.uint8)
PALETTE = ((0, 255, 255), (255, 255, 0), (0, 0, 0))
LABELS = (PIXELS[..., 0] % 3).astype(np.uint8)
rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


def write_tiff(path, pixels=PIXELS, **changes):
    from rasterio.transform import from_origin

    bands = np.moveaxis(pixels, 2, 0)
    settings = {"driver": "GTiff", "count": len(bands), "height": pixels.shape[0], "width": pixels.shape[1]}
    settings |= {"dtype": bands.dtype, "tiled": True, "blockxsize": 64, "blockysize": 64}
    settings |= {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_400_000, 0.5, 0.5), **changes}
    with rasterio.open(path, "w", **settings) as file:
        file.write(bands)
    return path


def written(path, source, notes=None, step=77):
    with label_writer(path, source, PALETTE, notes or {"Procedure": "patches"}) as writer:
        for top in range(0, len(LABELS), step):
            writer.write(top, LABELS[top : top + step])


@pytest.mark.parametrize("compress", ["deflate", "lzw", "jpeg", None])
@pytest.mark.parametrize("big", ["YES", "NO"])
def test_rows_of_a_tiff(tmp_path, compress, big):
    extra = {"compress": compress} if compress else {}
    path = write_tiff(tmp_path / "a.tif", **extra, BIGTIFF=big)
    with open_image(path) as source:
        assert source.size == (300, 280)
        rows, some = source.rows(13, 100), source.rows(13, 100, (7, 270))
    wanted = PIXELS if compress != "jpeg" else np.moveaxis(rasterio.open(path).read(), 0, 2)
    assert np.array_equal(rows, wanted[13:113])
    assert np.array_equal(some, wanted[13:113, 7:270])


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_without_rasterio_an_image_is_decoded_whole(tmp_path, name, monkeypatch):
    monkeypatch.setattr(raster, "has_rasterio", lambda: False)
    Image.fromarray(PIXELS).save(tmp_path / name, lossless=True)
    with open_image(tmp_path / name) as source:
        assert source.size == (300, 280)
        assert np.array_equal(source.rows(13, 100), PIXELS[13:113])
        assert np.array_equal(source.rows(13, 100, (7, 270)), PIXELS[13:113, 7:270])
        assert source.missing(0, 10) is None


def test_georeference_colours_notes_and_pyramid_are_in_the_label_map(tmp_path):
    with open_image(write_tiff(tmp_path / "a.tif")) as source:
        written(tmp_path / "out" / "a_labels.tif", source)
    with rasterio.open(tmp_path / "a.tif") as before, rasterio.open(tmp_path / "out" / "a_labels.tif") as after:
        assert (after.crs, after.transform, after.nodata) == (before.crs, before.transform, NO_LABEL)
        assert np.array_equal(after.read(1), LABELS)
        assert [after.colormap(1)[index][:3] for index in range(3)] == list(PALETTE)
        assert after.tags()["Procedure"] == "patches"
        assert after.overviews(1) == [2]
    assert is_ours(tmp_path / "out" / "a_labels.tif")
    assert not is_ours(tmp_path / "a.tif")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a_labels.tif"]


def test_a_png_holds_indices_and_their_colours(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as source:
        written(tmp_path / "a_labels.png", source)
    with Image.open(tmp_path / "a_labels.png") as picture:
        assert np.array_equal(np.array(picture), LABELS)
        assert np.array_equal(np.array(picture.convert("RGB")), np.array(PALETTE, np.uint8)[LABELS])
        assert picture.info["Procedure"] == "patches"
    assert is_ours(tmp_path / "a_labels.png")
    assert not is_ours(tmp_path / "a.png")
    assert not is_ours(tmp_path / "none.png")


def test_where_an_image_has_no_data(tmp_path):
    pixels = PIXELS.copy()
    pixels[:50, :60] = 0
    with open_image(write_tiff(tmp_path / "a.tif", pixels, nodata=0)) as source:
        missing = source.missing(0, 300)
    assert missing[:50, :60].all()
    assert missing.sum() == 50 * 60


@pytest.mark.parametrize(
    ("pixels", "said"),
    [(PIXELS.astype(np.uint16), "3 bands of uint16"), (PIXELS[..., :1], "1 band of uint8, expected 3 of uint8")],
)
def test_other_bands_are_refused(tmp_path, pixels, said):
    path = write_tiff(tmp_path / "a.tif", pixels)
    with pytest.raises(BadFileError, match=said), open_image(path):
        pass


def test_a_fourth_band_is_left_out(tmp_path):
    path = write_tiff(tmp_path / "a.tif", np.dstack([PIXELS, LABELS]))
    with open_image(path) as source:
        assert np.array_equal(source.rows(0, 300), PIXELS)


def test_a_damaged_tiff_is_named(tmp_path):
    path = write_tiff(tmp_path / "a.tif", compress="deflate")
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(BadFileError, match=r"a\.tif: cannot be read"), open_image(path) as source:
        source.rows(0, 300)
    path.write_text("no image")
    with pytest.raises(BadFileError, match=r"a\.tif: not an image"), open_image(path):
        pass


def test_nothing_is_left_of_a_map_that_was_not_finished(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as source:
        for name in ("b.png", "b.tif"):
            with (
                contextlib.suppress(KeyboardInterrupt),
                label_writer(tmp_path / "out" / name, source, PALETTE, {}) as file,
            ):
                file.write(0, LABELS[:10])
                raise KeyboardInterrupt
    assert list((tmp_path / "out").iterdir()) == []


def test_a_tiff_label_map_needs_rasterio(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_output, "has_rasterio", lambda: False)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with (
        open_image(tmp_path / "a.png") as source,
        pytest.raises(UserError, match=r"isdbench\[geo\]"),
        label_writer(tmp_path / "b.tif", source, PALETTE, {}),
    ):
        pass
