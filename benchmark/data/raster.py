"""Images too large for memory: read by rows; label maps written by rows, with the image's georeference.

A TIFF is read and written in windows through rasterio (extra ``geo``). Everything else, and a TIFF without rasterio, is
decoded once as a whole.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo

from benchmark.atomic import PART
from benchmark.data.base import Image, Label
from benchmark.data.reading import BadFileError, header_size, read_rgb
from benchmark.errors import UserError

TIFF = (".tif", ".tiff")
MADE_BY = "isdbench predict"  # in the files, so that no other file is overwritten
BLOCK = 256  # side of the tiles of a TIFF
LEVELS = (2, 4, 8, 16, 32)  # of the pyramid for viewing
NO_LABEL = 255  # where the image has no data


class Source(Protocol):
    """An open image."""

    size: tuple[int, int]  # height, width
    georeference: Mapping[str, Any]  # coordinate system and transform; empty where there is none

    def rows(self, top: int, count: int) -> Image:
        """Pixels ``[count, W, 3]``."""

    def missing(self, top: int, count: int) -> NDArray[np.bool_] | None:
        """Where the image has no data, ``[count, W]``; None if it has data everywhere."""


class Writer(Protocol):
    """A label map that is being written."""

    def write(self, top: int, labels: Label) -> None:
        """The next rows ``[rows, W]``."""


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
        with _open_windows(path) as source:
            yield source
    else:
        yield _Decoded(path)


class _Decoded:
    """An image in memory."""

    def __init__(self, path: Path) -> None:
        self.size = header_size(path)
        self.georeference: Mapping[str, Any] = {}
        self.pixels = read_rgb(path)

    def rows(self, top: int, count: int) -> Image:
        return self.pixels[top : top + count]

    def missing(self, top: int, count: int) -> None:
        return None


class _Windows:
    """A TIFF that is read in windows."""

    def __init__(self, path: Path, dataset: Any) -> None:
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        self.path, self.dataset, self.window, self.error = path, dataset, Window, RasterioError
        if dataset.count < 3 or any(kind != "uint8" for kind in dataset.dtypes[:3]):
            bands = f"{dataset.count} band{'s' * (dataset.count > 1)} of {dataset.dtypes[0]}"
            raise BadFileError(
                path, f"has {bands}, expected three of uint8; scale its range to 0-255 and save it again"
            )
        self.size = (dataset.height, dataset.width)
        known = {"crs": dataset.crs, "transform": dataset.transform}
        self.georeference: Mapping[str, Any] = known if dataset.crs or not dataset.transform.is_identity else {}

    def rows(self, top: int, count: int) -> Image:
        pixels = self._read((1, 2, 3), top, count)
        return np.ascontiguousarray(np.moveaxis(pixels, 0, 2))

    def missing(self, top: int, count: int) -> NDArray[np.bool_] | None:
        if self.dataset.nodata is None:
            return None
        empty: NDArray[np.bool_] = (self._read((1, 2, 3), top, count) == self.dataset.nodata).all(axis=0)
        return empty

    def _read(self, bands: Sequence[int], top: int, count: int) -> NDArray[np.uint8]:
        try:
            return np.asarray(self.dataset.read(bands, window=self.window(0, top, self.size[1], count)))
        except self.error as error:
            raise BadFileError(self.path, f"cannot be read: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def _open_windows(path: Path) -> Iterator[Source]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path)
        except RasterioIOError as error:
            raise BadFileError(path, f"cannot be read: {' '.join(str(error).split())}") from error
        with dataset:
            yield _Windows(path, dataset)


@contextlib.contextmanager
def label_writer(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str]
) -> Iterator[Writer]:
    """Write class indices with a colour table to a PNG, or in windows to a TIFF with the image's georeference.

    The file appears when it is complete. ``notes`` go into its metadata: how the labels were made.

    Raises:
        UserError: the file cannot be written, or is a TIFF and rasterio is not installed.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _tiff(part, source, palette, notes) if path.suffix in TIFF else _png(part, source, palette, notes) as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be written: {error.strerror or error}; choose another folder") from error
    finally:
        part.unlink(missing_ok=True)


class _Png:
    """Labels in memory until all rows are there."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.labels = np.zeros(size, np.uint8)

    def write(self, top: int, labels: Label) -> None:
        self.labels[top : top + len(labels)] = labels


@contextlib.contextmanager
def _png(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str]
) -> Iterator[Writer]:
    writer = _Png(source.size)
    yield writer
    picture = PIL.Image.fromarray(writer.labels)
    picture.putpalette(np.asarray(palette, np.uint8).tobytes())
    info = PngInfo()
    for name, text in {"Software": MADE_BY, **notes}.items():
        info.add_text(name, text)
    picture.save(path, format="PNG", pnginfo=info)


class _Tiff:
    """A tiled TIFF."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def write(self, top: int, labels: Label) -> None:
        from rasterio.windows import Window

        self.dataset.write(labels, 1, window=Window(0, top, labels.shape[1], len(labels)))


@contextlib.contextmanager
def _tiff(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str]
) -> Iterator[Writer]:
    if not has_rasterio():
        raise UserError("TIFF label maps need rasterio: pip install 'isdbench[geo]', or use --format png")
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import NotGeoreferencedWarning

    kind: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": NO_LABEL, "tiled": True}
    kind |= {"blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "BIGTIFF": "IF_SAFER"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", height=source.size[0], width=source.size[1], **kind, **source.georeference
        ) as dataset:
            dataset.write_colormap(1, {index: (*colour, 255) for index, colour in enumerate(palette)})
            dataset.update_tags(TIFFTAG_SOFTWARE=MADE_BY, **notes)
            yield _Tiff(dataset)
        levels = [level for level in LEVELS if min(source.size) // level >= BLOCK // 2]
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(levels, Resampling.nearest)


def is_ours(file: Path) -> bool:
    """Whether ``label_writer`` wrote a file."""
    with contextlib.suppress(OSError), PIL.Image.open(file) as picture:
        tags = getattr(picture, "tag_v2", {})
        return MADE_BY in (picture.info.get("Software"), tags.get(305))
    return False
