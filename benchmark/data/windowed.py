"""Large TIFFs of which a training crop is read as a window, instead of decoding the whole file for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from benchmark.data.opening import BadFileError, opened, orientation
from benchmark.data.raster import Source, has_windows

LARGE_PIXELS = 2**26  # smaller images are decoded once and kept in memory
BLACK_IS_ZERO, RGB = 1, 2  # tag 262: how the stored values are meant


@dataclass(frozen=True)
class Windowed:
    """An image or a mask that is indexed like an array, by two slices, and read from its file each time.

    The file is opened anew for each window: that takes a millisecond, and no handle is shared between processes.
    """

    path: Path
    shape: tuple[int, ...]  # [H, W, 3] of an image, [H, W] of a mask
    open: Callable[[Path], AbstractContextManager[Source]]
    convert: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]  # rows [h, w, bands] to what is indexed
    nbytes: int = 0  # nothing is kept

    def __getitem__(self, window: tuple[slice, slice]) -> NDArray[np.uint8]:
        """The pixels of rows and columns, both with a start and an end.

        Raises:
            BadFileError: the file is damaged there.
        """
        rows, columns = window
        with self.open(self.path) as source:
            return self.convert(source.rows(rows.start, rows.stop - rows.start, (columns.start, columns.stop)))


def windowed_size(path: Path, mode: Literal["RGB", "L"]) -> tuple[int, int] | None:
    """Height and width of a large TIFF whose windows hold the same pixels as the whole file, decoded by Pillow.

    None for any other file.

    Raises:
        BadFileError: the file is missing.
    """
    if not has_windows(path):
        return None
    try:
        with opened(path) as image:
            if not isinstance(image, TiffImageFile) or image.width * image.height < LARGE_PIXELS:
                return None
            meant = RGB if mode == "RGB" else BLACK_IS_ZERO
            same = image.mode == mode and image.tag_v2.get(262) == meant and orientation(image) == 1
            return (image.height, image.width) if same else None
    except BadFileError:  # which reading the whole file reports
        return None
