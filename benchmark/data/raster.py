"""Images and label maps too large for memory, read by rows, or by rows of a range of columns.

A TIFF is read in windows through rasterio (extra ``geo``). Everything else, a TIFF without rasterio, and one that its
EXIF data turn, is decoded once as a whole. What a file is, its first bytes say: GDAL would follow what is called a TIFF
and describes other files.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.data.base import Image
from benchmark.data.opening import (
    BadFileError,
    header_size,
    load,
    opened,
    orientation,
    require_content,
    require_one_picture,
    require_plain,
    require_room,
)
from benchmark.data.reading import read_rgb

TIFF = (".tif", ".tiff")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
UNLIKE_RGB = ("CMYK", "CIELAB")  # colour spaces that GDAL turns into RGB without a word, and only roughly
RGB, LABEL = (1, 2, 3), (1,)  # bands
CACHE_MB = 128  # of decoded blocks, in all open files; the library's default is a twentieth of the machine's memory
Columns = tuple[int, int]  # the first, and the one after the last


class Source(Protocol):
    """An open image."""

    path: Path
    size: tuple[int, int]  # height, width
    georeference: Mapping[str, Any]  # coordinate system and transform; empty where there is none

    def rows(self, top: int, count: int, columns: Columns | None = None) -> Image:
        """Pixels ``[count, W, bands]``, of all columns or of some."""

    def missing(self, top: int, count: int, columns: Columns | None = None) -> NDArray[np.bool_] | None:
        """Where the image has no data, ``[count, W]``; None if it has data everywhere."""


def has_rasterio() -> bool:
    """Whether the extra ``geo`` is installed."""
    return importlib.util.find_spec("rasterio") is not None


def has_windows(path: Path) -> bool:
    """Whether a file is a TIFF, and rasterio there to read it in windows.

    Raises:
        BadFileError: it is missing or no plain file.
    """
    require_plain(path)
    try:
        with path.open("rb") as file:
            return has_rasterio() and file.read(4) in TIFF_STARTS
    except OSError as error:
        raise BadFileError(path, f"cannot be read: {error.strerror}") from error


def image_size(path: Path) -> tuple[int, int]:
    """Height and width as :func:`open_image` will read them, from the header.

    Raises:
        BadFileError: the file is missing or no image.
    """
    if not has_windows(path):
        return header_size(path)
    with open_image(path) as source:
        return source.size


def _is_turned(path: Path) -> bool:
    """Whether EXIF data ask for a turn; Pillow cannot tell of files with many bands, which no camera makes."""
    with contextlib.suppress(BadFileError), opened(path) as image:
        return orientation(image) != 1
    return False


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[Source]:
    """An RGB image, upright.

    Raises:
        BadFileError: it is missing, damaged, not 8-bit RGB, or too large to be decoded as a whole.
    """
    if has_windows(path) and not _is_turned(path):
        with _open_windows(path, RGB) as source:
            yield source
    else:
        yield _Decoded(path, read_rgb(path))


@contextlib.contextmanager
def open_labels(path: Path) -> Iterator[Source]:
    """A label map of class indices, in rows ``[count, W, 1]``; a colour table is left aside.

    Raises:
        BadFileError: it is missing, damaged, has more than one band, or is too large to be decoded as a whole.
    """
    if has_windows(path):
        with _open_windows(path, LABEL) as source:
            yield source
        return
    image = load(path)
    if image.mode not in ("L", "P", "1"):
        raise BadFileError(path, f"has mode '{image.mode}', expected one band of class indices")
    yield _Decoded(path, np.array(image, dtype=np.uint8)[..., None])


class _Decoded:
    """An image in memory."""

    def __init__(self, path: Path, pixels: Image) -> None:
        self.path = path
        self.size = (pixels.shape[0], pixels.shape[1])
        self.georeference: Mapping[str, Any] = {}
        self.pixels = pixels

    def rows(self, top: int, count: int, columns: Columns | None = None) -> Image:
        return self.pixels[top : top + count, slice(*columns or (None,))]

    def missing(self, top: int, count: int, columns: Columns | None = None) -> None:
        return None


class _Windows:
    """A TIFF that is read in windows."""

    def __init__(self, path: Path, dataset: Any, bands: tuple[int, ...]) -> None:
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        self.path, self.dataset, self.window, self.error, self.bands = path, dataset, Window, RasterioError, bands
        require_one_picture(len(dataset.subdatasets), path)
        block = dataset.block_shapes[0]  # the strip or tile that is decoded at once
        for require in (require_room, require_content):
            require(path, block, dataset.count)
        found = f"has {dataset.count} band{'s' * (dataset.count > 1)} of {dataset.dtypes[0]}, expected"
        if bands == LABEL and dataset.count != 1:
            raise BadFileError(path, f"{found} one of class indices")
        if dataset.count < len(bands):
            raise BadFileError(path, f"{found} 3 of uint8; convert it to RGB")
        if any(dataset.dtypes[band - 1] != "uint8" for band in bands):
            way_out = "scale its range to 0-255 and save it again" if bands == RGB else "save class indices as 8 bits"
            raise BadFileError(path, f"{found} {len(bands)} of uint8; {way_out}")
        space = dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE")
        if space in UNLIKE_RGB:
            raise BadFileError(path, f"has the colours of {space}, expected RGB; convert it to RGB")
        self.size = (dataset.height, dataset.width)
        known = {"crs": dataset.crs, "transform": dataset.transform}
        self.georeference: Mapping[str, Any] = known if dataset.crs or not dataset.transform.is_identity else {}

    def rows(self, top: int, count: int, columns: Columns | None = None) -> Image:
        pixels = self._read(self.bands, top, count, columns)
        return np.ascontiguousarray(np.moveaxis(pixels, 0, 2))

    def missing(self, top: int, count: int, columns: Columns | None = None) -> NDArray[np.bool_] | None:
        if self.dataset.nodata is None:
            return None
        empty: NDArray[np.bool_] = (self._read(self.bands, top, count, columns) == self.dataset.nodata).all(axis=0)
        return empty

    def _read(self, bands: Sequence[int], top: int, count: int, columns: Columns | None) -> NDArray[np.uint8]:
        left, end = columns or (0, self.size[1])
        try:
            return np.asarray(self.dataset.read(bands, window=self.window(left, top, end - left, count)))
        except self.error as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise BadFileError(self.path, f"cannot be read: {reason}; restore it or save it again") from error


@contextlib.contextmanager
def _open_windows(path: Path, bands: tuple[int, ...]) -> Iterator[Source]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path, driver="GTiff")
        except RasterioIOError as error:
            reason = " ".join(str(error).split())
            raise BadFileError(path, f"cannot be read: {reason}; restore it or save it again") from error
        with dataset:
            yield _Windows(path, dataset, bands)
