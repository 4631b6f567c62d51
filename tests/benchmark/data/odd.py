"""Writes odd and broken files: images, masks, archives, weights, cards. Each function returns one that writes."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmark.data.card_file import FILE
from benchmark.data.opening import JPEG_2000, ORIENTATION

Write = Callable[[Path], object]
SIZE = (48, 40)
PIXELS = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
LABEL = np.add.outer(np.arange(48) // 16, np.arange(40) // 20).clip(max=2).astype(np.uint8)  # three classes
COLOURS = np.array([(0, 0, 0), (0, 255, 0), (255, 0, 0)], np.uint8)  # of the card's palette
CARD = {
    "title": '"Odd"',
    "classes": '["a", "b", "c"]',
    "palette": "[[0, 0, 0], [0, 255, 0], [255, 0, 0]]",
    "values": "[0, 1, 2]",
    "ignore": "[255]",
    "images": '["images/*.png"]',
    "masks": '["masks/*.png"]',
    "image_size": "[48, 40]",
    "split": '{by = "list", train = ["p0", "p1"], test = ["p2", "p3"]}',
}


def encoded(pixels=PIXELS, kind="PNG", mode=None, **options) -> bytes:
    """An image file as Pillow writes it."""
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def raw(data: bytes | str) -> Write:
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data.encode())


def saved(pixels=PIXELS, kind="PNG", mode=None, **options) -> Write:
    return raw(encoded(pixels, kind, mode, **options))


PICTURE, INDICES = saved(), saved(LABEL)


def cut(kind: str, share: float = 0.6, **options) -> Write:
    """The first part of an image file."""
    data = encoded(kind=kind, **options)
    return raw(data[: int(share * len(data))])


def tiff(pixels, **changes) -> Write:
    """Bands ``[H, W, C]`` of any type, through rasterio."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    kind = {"driver": "GTiff", "height": pixels.shape[0], "width": pixels.shape[1], "count": pixels.shape[2]}

    def write(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **kind, dtype=pixels.dtype, **changes) as file:
                file.write(np.moveaxis(pixels, 2, 0))

    return write


def with_copies() -> Write:
    """A TIFF that holds smaller copies of itself, for viewing."""
    import rasterio

    def write(path):
        tiff(PIXELS, tiled=True, blockxsize=16, blockysize=16)(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rasterio speaks of the georeference that is not there
            with rasterio.open(path, "r+") as file:
                file.build_overviews([2, 4])

    return write


def coloured(order=(0, 1, 2)) -> Image.Image:
    """The labels with a palette, that of the card or another."""
    image = Image.fromarray(LABEL)
    image.putpalette(COLOURS[list(order)].tobytes())
    return image


def pages(kind: str, first=PIXELS, **options) -> Write:
    """Three pictures in one file."""
    more = [Image.fromarray(255 - first), Image.fromarray(first // 2)]
    return saved(first, kind=kind, save_all=True, append_images=more, **options)


def broken_tiff() -> Write:
    data = encoded(kind="TIFF", compression="tiff_adobe_deflate")
    return edited(data, data[2000:2010], 0, b"\0\xff\0\xff\0")


def through_opencv(pixels) -> Write:
    """A PNG of any bit depth."""
    return raw(cv2.imencode(".png", pixels)[1].tobytes())


def turned(turn: int, kind: str = "PNG", **options) -> Write:
    """PIXELS, stored so that EXIF data must turn them upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[turn]
    return saved(Image.fromarray(PIXELS).transpose(back), kind, exif=exif, **options)


def png_of(width: int, height: int, colour: int = 2) -> Write:
    """A PNG that claims a size and holds one row."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return raw(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))


def tiff_of(width: int, height: int, rows: int | None = None) -> Write:
    """A TIFF that claims a size and holds one strip."""
    entries = (
        (256, width),
        (257, height),
        (259, 1),
        (262, 2),
        (273, 8),
        (277, 3),
        (278, rows or height),
        (279, 64),
    )
    fields = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries]
    fields.insert(2, struct.pack("<HHII", 258, 3, 3, 8))  # three times 8 bits, see below
    fields = b"".join(fields)
    directory = struct.pack("<H", len(entries) + 1) + fields + bytes(4)
    return raw(b"II*\0" + struct.pack("<I", 8 + 64) + bytes((8, 0) * 32) + directory)


def edited(write: bytes, old: bytes, offset: int, new: bytes) -> Write:
    """A file with bytes replaced ``offset`` after the first place of ``old``."""
    place = write.index(old) + offset
    return raw(write[:place] + new + write[place + len(new) :])


def large_jpeg_2000() -> Write:
    return edited(encoded(kind="JPEG2000"), b"ihdr", 4, struct.pack(">II", 8000, 8000))


def deep_jpeg_2000() -> Write:
    return edited(encoded(kind="JPEG2000"), JPEG_2000, 42, b"\x0b")


def vrt(other: str) -> str:
    """What GDAL takes for an image: a description of another file."""
    source = (
        "<SimpleSource><SourceFilename relativeToVRT='1'>{}</SourceFilename><SourceBand>{}</SourceBand></SimpleSource>"
    )
    bands = "".join(
        f"<VRTRasterBand dataType='Byte' band='{band}'>{source.format(other, band)}</VRTRasterBand>"
        for band in (1, 2, 3)
    )
    return f"<VRTDataset rasterXSize='40' rasterYSize='48'>{bands}</VRTDataset>"


def nothing(path: Path) -> None:
    """No file."""


def link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def pipe(path: Path) -> None:
    os.mkfifo(path)  # whoever opens it waits for ever


def folder(path: Path) -> None:
    path.mkdir()


def zipped(*members: tuple[str, bytes], link: str = "") -> Write:
    """A zip of members; ``link`` makes the first one a symbolic link."""

    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o120777 << 16 if link else 0o100644 << 16
                archive.writestr(entry, link or data, zipfile.ZIP_DEFLATED)

    return write


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, target: str = "", mode: str = "w") -> Write:
    """A tar of members, of a kind of entry."""

    def write(path):
        with tarfile.open(path, mode) as archive:
            for name, data in members:
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname, entry.size = kind, target, len(data)
                archive.addfile(entry, io.BytesIO(data))

    return write


def patched(write: Write, *changes: tuple[bytes, int, int]) -> Write:
    """A file with a byte set (``or``) some bytes after a signature, for each change."""

    def done(path):
        write(path)
        data = bytearray(path.read_bytes())
        for signature, offset, bits in changes:
            data[data.index(signature) + offset] |= bits
        path.write_bytes(data)

    return done


def shortened(write: Write, share: float = 0.5) -> Write:
    def done(path):
        write(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return done


def torch_file(content) -> Write:
    return lambda path: torch.save(content, path)


def safetensors(tensors, **metadata: str) -> Write:
    return lambda path: save_file(tensors, path, {"dataset": "deepglobe", **metadata})


def quantised() -> dict[str, torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"b": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}


def replaced(text: str, old: str, new: str) -> Write:
    assert old in text, old
    return raw(text.replace(old, new, 1))


def listed(train: str, test: str) -> str:
    return f'{{by = "list", train = ["{train}"], test = ["{test}"]}}'


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def card(**changes: str | None) -> Write:
    """A dataset.toml; an entry of None is left out."""
    entries = {**CARD, **changes}
    return raw("".join(f"{key} = {value}\n" for key, value in entries.items() if value is not None))


def dataset_in(folder: Path) -> Path:
    """Four pairs and their card."""
    for part, pixels in (("images", PIXELS), ("masks", LABEL)):
        (folder / part).mkdir(parents=True)
        for index in range(4):
            Image.fromarray(np.roll(pixels, 7 * index, axis=1)).save(folder / part / f"p{index}.png")
    card()(folder / FILE)
    return folder


def pairs(images: Write = PICTURE, masks: Write | None = INDICES) -> Write:
    """A folder without a card: two images, and two masks."""

    def done(path):
        for part, write in (("images", images), ("masks", masks)):
            (path / part).mkdir(parents=True)
            for name in ("a.png", "b.png"):
                (write or nothing)(path / part / name)

    return done
