"""Safe reading: missing, damaged and foreign files, modes, values."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from benchmark.data.opening import JPEG_2000, ORIENTATION, BadFileError, header_size
from benchmark.data.reading import (
    read_label,
    read_rgb,
    read_rgb_of_mask,
    require_colours,
    require_same_size,
    require_values,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (96, 80, 3), dtype=np.uint8)


def assert_refused(action, path, *parts):
    with pytest.raises(BadFileError) as caught:
        action(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for part in parts:
        assert part in message
    assert caught.value.file == path


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_rgb_round_trip(tmp_path, name):
    Image.fromarray(PIXELS).save(tmp_path / name)
    np.testing.assert_array_equal(read_rgb(tmp_path / name), PIXELS)


def test_label_round_trip_and_bilevel(tmp_path):
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_label(tmp_path / "a.png"), PIXELS[..., 0])
    Image.fromarray(PIXELS[..., 0] > 127).save(tmp_path / "b.png")
    label = read_label(tmp_path / "b.png")
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, PIXELS[..., 0] > 127)


def test_missing(tmp_path):
    assert_refused(read_rgb, tmp_path / "absent.jpg", "no such file", "restore it")


@pytest.mark.parametrize(
    "content", [b"", b"<html>quota exceeded</html>", b"version https://git-lfs.github.com/spec/v1"]
)
def test_no_image_at_all(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert_refused(read_rgb, path, "not an image", "restore it")


def test_folder_in_place_of_a_file(tmp_path):
    assert_refused(read_rgb, tmp_path, "cannot be read", "restore it")


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("lost", [2, 20, 1000])
def test_truncated_jpeg_is_found_whatever_other_libraries_set(tmp_path, monkeypatch, lost, lenient):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path)
    path.write_bytes(path.read_bytes()[:-lost])
    assert_refused(read_rgb, path, "truncated", "restore it")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "lzw.tif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_lossless_file(tmp_path, name, share):
    path = tmp_path / name
    Image.fromarray(PIXELS).save(path, **({"compression": "tiff_lzw"} if name.startswith("lzw") else {}))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert_refused(read_rgb, path, "restore it")


@pytest.mark.parametrize("position", [0.3, 0.7])
def test_png_with_a_flipped_byte(tmp_path, position):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 0xFF
    path.write_bytes(content)
    assert_refused(read_rgb, path, "restore it")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_image_of_another_mode(tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.new(mode, (8, 8)).save(path)
    assert_refused(read_rgb, path, f"mode '{mode}'", "convert it")


@pytest.mark.parametrize("mode", ["RGB", "P", "I;16", "F"])
def test_mask_of_another_mode(tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.new(mode, (8, 8)).save(path)
    assert_refused(read_label, path, f"mode '{mode}'", "convert it")


def test_an_image_that_does_not_fit_the_memory_is_one_clear_line(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2 * PIXELS.nbytes - 1))
    assert_refused(read_rgb, path, "96x80 pixels take 0 MiB", "cut the image into parts")


def test_pillows_limit_on_pixels_is_lifted(tmp_path):
    path = tmp_path / "wide.png"
    Image.new("1", (20_000, 10_000)).save(path)
    assert read_label(path).shape == (10_000, 20_000)


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_colours_of_16_bits_are_not_cut_to_8(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), PIXELS.astype(np.uint16) * 4)
    assert_refused(read_rgb, path, "samples of 16 bits", "scale its range")


@pytest.mark.parametrize("bits", [8, 12])
def test_bits_of_jpeg_2000(tmp_path, bits):
    path = tmp_path / "a.jp2"
    Image.fromarray(PIXELS).save(path)
    data = bytearray(path.read_bytes())
    data[data.index(JPEG_2000) + 42] = bits - 1
    path.write_bytes(data)
    if bits == 8:
        assert read_rgb(path).shape == PIXELS.shape
    else:
        assert_refused(read_rgb, path, "samples of 12 bits")


@pytest.fixture(params=range(2, 9))
def turned(request, tmp_path):
    """An image whose EXIF data ask for a turn, stored so that it is PIXELS once upright."""
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions, inverse to the viewer's
    path, exif = tmp_path / "a.png", Image.Exif()
    exif[ORIENTATION] = request.param
    Image.fromarray(PIXELS).transpose(turns[request.param]).save(path, exif=exif)
    return path, request.param


def test_an_image_is_turned_upright(turned):
    assert np.array_equal(read_rgb(turned[0]), PIXELS)
    assert header_size(turned[0]) == PIXELS.shape[:2]


def test_an_image_is_turned_as_its_mask_is_or_refused(turned):
    path, turn = turned
    if turn <= 4:
        assert_refused(lambda file: read_rgb_of_mask(file, (96, 80)), path, f"orientation {turn}", "save the image upr")
    else:
        assert np.array_equal(read_rgb_of_mask(path, (96, 80)), PIXELS)
        assert read_rgb_of_mask(path, (80, 96)).shape == (80, 96, 3)


def test_indices_in_three_channels_are_no_colours(tmp_path):
    label = np.array([[0, 1], [6, 2]], np.uint8)
    require_colours(tmp_path, np.zeros((2, 2, 3), np.uint8), 7)
    require_colours(tmp_path, np.dstack([label * 40] * 3), 7)
    with pytest.raises(BadFileError, match=r"class indices \(0-6\) in three equal channels"):
        require_colours(tmp_path, np.dstack([label] * 3), 7)


def test_values_outside_the_table(tmp_path):
    label = np.array([[0, 1, 9], [9, 1, 200]], np.uint8)
    allowed = np.arange(256) < 2
    require_values(tmp_path, label % 2, allowed, "0 and 1")
    with pytest.raises(BadFileError, match="value 9, 200 in 3 pixels, expected 0 and 1"):
        require_values(tmp_path, label, allowed, "0 and 1")


def test_sizes(tmp_path):
    image, mask = tmp_path / "a_sat.jpg", tmp_path / "a_mask.png"
    require_same_size(PIXELS, image, PIXELS[..., 0], mask)
    with pytest.raises(BadFileError, match=r"mask is 90x80 but its image a_sat.jpg is 96x80"):
        require_same_size(PIXELS, image, PIXELS[:90, :, 0], mask)
