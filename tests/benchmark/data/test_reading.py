"""Safe reading: missing, damaged and foreign files, modes, values."""

import numpy as np
import pytest
from PIL import Image, ImageFile

from benchmark.data.reading import BadFileError, read_label, read_rgb, require_same_size, require_values

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


def test_decompression_bomb_is_one_clear_line(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert_refused(read_rgb, path, "cannot be read")


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
