"""Images and label maps too large for memory, read by rows, or by rows of a range of columns.

A TIFF is read in windows through rasterio (extra ``geo``). Everything else, and a TIFF without rasterio, is decoded
once as a whole.
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
from benchmark.data.reading import BadFileError, load, read_rgb

TIFF = (".tif", ".tiff")
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


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[Source]:
    """An RGB image, upright.

    Raises:
        BadFileError: it is missing, damaged, not 8-bit RGB, or too large to be decoded as a whole.
    """
    if path.suffix.lower() in TIFF and has_rasterio() and path.is_file():
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
    if path.suffix.lower() in TIFF and has_rasterio() and path.is_file():
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
        found = f"has {dataset.count} band{'s' * (dataset.count > 1)} of {dataset.dtypes[0]}, expected"
        if bands == LABEL and dataset.count != 1:
            raise BadFileError(path, f"{found} one of class indices")
        if dataset.count < len(bands) or any(dataset.dtypes[band - 1] != "uint8" for band in bands):
            wanted = f"{found} {len(bands)} of uint8"
            raise BadFileError(path, f"{wanted}; scale its range to 0-255 and save it again")
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
            raise BadFileError(self.path, f"cannot be read: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def _open_windows(path: Path, bands: tuple[int, ...]) -> Iterator[Source]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path)
        except RasterioIOError as error:
            raise BadFileError(path, f"cannot be read: {' '.join(str(error).split())}") from error
        with dataset:
            yield _Windows(path, dataset, bands)
