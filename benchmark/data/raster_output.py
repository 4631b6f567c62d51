"""Label maps and probabilities written by rows, with the image's georeference: a PNG, or a tiled TIFF with a pyramid.

A TIFF is written in windows through rasterio (extra ``geo``).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo

from benchmark.atomic import PART
from benchmark.data.raster import TIFF, Source, has_rasterio
from benchmark.errors import UserError

MADE_BY = "isdbench predict"  # in the files, so that no other file is overwritten
BLOCK = 256  # side of the tiles of a TIFF
LEVELS = (2, 4, 8, 16, 32)  # of the pyramid for viewing
SOFTWARE = 305  # tag of a TIFF
RUN = "Run"  # note in a label map: the fingerprint of the run that wrote it
NO_LABEL = 255  # where the image has no data


class Writer(Protocol):
    """A file that is being written, from top to bottom."""

    def write(self, top: int, labels: NDArray[np.uint8], left: int = 0) -> None:
        """The next rows, from column ``left`` on: labels ``[rows, W]`` or bands ``[C, rows, W]``."""


@contextlib.contextmanager
def label_writer(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str]
) -> Iterator[Writer]:
    """Write class indices with a colour table to a PNG, or in windows to a TIFF with the image's georeference.

    The file appears when it is complete. ``notes`` go into its metadata: how the labels were made.

    Raises:
        UserError: the file cannot be written, or is a TIFF and rasterio is not installed.
    """
    with complete(path) as part:
        is_tiff = path.suffix in TIFF
        with _tiff(part, source, palette, notes, ()) if is_tiff else _png(part, source, palette, notes) as file:
            yield file


@contextlib.contextmanager
def share_writer(path: Path, source: Source, classes: Sequence[str], notes: Mapping[str, str]) -> Iterator[Writer]:
    """Write the probabilities of classes, uint8 ``[C, rows, W]``, to a TIFF with a band for each.

    Raises:
        UserError: as :func:`label_writer`.
    """
    with complete(path) as part, _tiff(part, source, (), notes, classes) as file:
        yield file


@contextlib.contextmanager
def complete(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its name when it is complete, and is removed if it never is.

    Raises:
        UserError: it cannot be written.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be written: {error.strerror or error}; choose another folder") from error
    finally:
        part.unlink(missing_ok=True)


class _Png:
    """Labels in memory until all rows are there."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.labels = np.zeros(size, np.uint8)

    def write(self, top: int, labels: NDArray[np.uint8], left: int = 0) -> None:
        self.labels[top : top + labels.shape[0], left : left + labels.shape[1]] = labels


@contextlib.contextmanager
def _png(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str]
) -> Iterator[Writer]:
    writer = _Png(source.size)
    yield writer
    picture = PIL.Image.fromarray(writer.labels)
    colours = np.zeros((256, 3), np.uint8)  # all of them: with a short table Pillow saves fewer bits, and 255 is lost
    colours[: len(palette)] = palette
    picture.putpalette(colours.tobytes())
    info = PngInfo()
    for name, text in {"Software": MADE_BY, **notes}.items():
        info.add_text(name, text)
    picture.save(path, format="PNG", pnginfo=info)


class _Tiff:
    """A tiled TIFF."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def write(self, top: int, labels: NDArray[np.uint8], left: int = 0) -> None:
        from rasterio.windows import Window

        bands = labels if labels.ndim == 3 else labels[None]
        self.dataset.write(bands, window=Window(left, top, bands.shape[2], bands.shape[1]))


@contextlib.contextmanager
def _tiff(
    path: Path, source: Source, palette: Sequence[tuple[int, int, int]], notes: Mapping[str, str], bands: Sequence[str]
) -> Iterator[Writer]:
    """One band with a colour table, or one for each of ``bands``."""
    if not has_rasterio():
        raise UserError("TIFF files need rasterio: pip install 'isdbench[geo]', or use --format png")
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import NotGeoreferencedWarning

    kind: dict[str, Any] = {"driver": "GTiff", "count": max(1, len(bands)), "dtype": "uint8", "tiled": True}
    kind |= {"blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "BIGTIFF": "IF_SAFER"}
    kind |= {} if bands else {"nodata": NO_LABEL}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", height=source.size[0], width=source.size[1], **kind, **source.georeference
        ) as dataset:
            if bands:
                dataset.descriptions = tuple(bands)
            else:
                dataset.write_colormap(1, {index: (*colour, 255) for index, colour in enumerate(palette)})
            dataset.update_tags(TIFFTAG_SOFTWARE=MADE_BY, **notes)
            yield _Tiff(dataset)
        levels = [level for level in LEVELS if min(source.size) // level >= BLOCK // 2]
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(levels, Resampling.average if bands else Resampling.nearest)


def is_ours(file: Path) -> bool:
    """Whether ``predict`` wrote a file: the name of the program stands in its metadata."""
    if file.suffix == ".geojson":
        with file.open("rb") as stream:
            return MADE_BY.encode() in stream.read(200)
    notes = _notes(file)
    return MADE_BY in (notes.get("Software"), notes.get("TIFFTAG_SOFTWARE"))


def run_of(labels: Path) -> str | None:
    """The fingerprint of the run that wrote a label map; None if it has none."""
    return _notes(labels).get(RUN)


def _notes(file: Path) -> dict[str, str]:
    """The notes in the metadata of a PNG or a TIFF; none of another file."""
    if file.suffix in TIFF and has_rasterio():  # Pillow reads no TIFF of more than four bands
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

        with warnings.catch_warnings(), contextlib.suppress(RasterioIOError):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file) as dataset:
                return dict(dataset.tags())
        return {}
    with contextlib.suppress(OSError), PIL.Image.open(file) as picture:
        software = getattr(picture, "tag_v2", {}).get(SOFTWARE)
        return {"TIFFTAG_SOFTWARE": software, **picture.info}
    return {}
