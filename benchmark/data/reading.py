"""Safe reading of images and masks: a file is read completely and correctly, or a :class:`BadFileError` names it.

Pillow decodes a 2448x2448 JPEG as fast as OpenCV (43 and 39 ms on one core), and it refuses a truncated one.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageFile

from benchmark.data.base import Image, Label
from benchmark.errors import DataError

warnings.filterwarnings("ignore", message="Corrupt EXIF data", module=r"PIL\.")  # an error follows anyway
RESTORE = "restore it from the dataset's archive"
# What Pillow raises on damaged files, besides OSError: broken PNG chunks, TIFF tags, decompression bombs.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, TypeError, OverflowError, PIL.Image.DecompressionBombError)


class BadFileError(DataError):
    """One file is missing, damaged or of the wrong kind. The error's text is ``file``, a colon and ``message``."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file
        self.message = message


def load(path: Path) -> PIL.Image.Image:
    """An image file, decoded completely, in its stored mode.

    Raises:
        BadFileError: the file is missing, no image, truncated or damaged.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries set this global; the lost part would be grey
    try:
        image: PIL.Image.Image
        with PIL.Image.open(path) as image:
            image.load()
        return image
    except FileNotFoundError as error:
        raise BadFileError(path, f"no such file; {RESTORE}") from error
    except PIL.UnidentifiedImageError as error:
        raise BadFileError(path, f"not an image, or cut short (a failed download?); {RESTORE}") from error
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadFileError(path, f"cannot be read: {reason}; {RESTORE}") from error


def header_size(path: Path) -> tuple[int, int]:
    """Height and width from the header of an image file, without decoding it.

    Raises:
        BadFileError: the file is missing or no image.
    """
    try:
        with PIL.Image.open(path) as image:
            return image.height, image.width
    except _DAMAGED as error:
        raise BadFileError(path, f"cannot be read: {' '.join(str(error).split())}; {RESTORE}") from error


def read_rgb(path: Path) -> Image:
    """An RGB image ``[H, W, 3]``.

    Raises:
        BadFileError: the file cannot be read completely, or is not 8-bit RGB.
    """
    return rgb_of(load(path), path)


def rgb_of(image: PIL.Image.Image, path: Path) -> Image:
    """The pixels uint8 ``[H, W, 3]`` of a loaded image.

    Raises:
        BadFileError: the image is not 8-bit RGB; ``path`` names it. It is not converted silently.
    """
    if image.mode != "RGB":
        raise BadFileError(path, f"has mode '{image.mode}', expected 8-bit RGB; {RESTORE} or convert it to RGB")
    return np.array(image)


def read_label(path: Path) -> Label:
    """A single-band mask ``[H, W]``, values as stored; a bilevel file gives 0 and 1.

    Raises:
        BadFileError: the file cannot be read completely, or is not one band of at most 8 bits.
    """
    return label_of(load(path), path)


def label_of(image: PIL.Image.Image, path: Path) -> Label:
    """The values uint8 ``[H, W]`` of a loaded mask.

    Raises:
        BadFileError: the mask is not one band of at most 8 bits; ``path`` names it. It is not converted silently.
    """
    if image.mode not in ("L", "1"):
        raise BadFileError(path, f"has mode '{image.mode}', expected an 8-bit grey mask; {RESTORE} or convert it")
    return np.array(image, dtype=np.uint8)


def require_values(path: Path, label: Label, allowed: NDArray[np.bool_], meaning: str) -> None:
    """Check that a mask holds allowed values only; ``allowed`` is a table of 256.

    Raises:
        BadFileError: there are other values; the message names them and their number of pixels.
    """
    strange = ~allowed[label]
    if not strange.any():
        return
    values = ", ".join(str(value) for value in np.unique(label[strange])[:5])
    found = f"value {values} in {int(strange.sum())} pixels, expected {meaning}"
    raise BadFileError(path, f"{found}; {RESTORE} or export it again")


def require_same_size(image: Image, image_path: Path, label: Label, label_path: Path) -> None:
    """Check that a mask has its image's height and width.

    Raises:
        BadFileError: it has another size.
    """
    if image.shape[:2] != label.shape:
        mask, expected = size_text(label), size_text(image)
        raise BadFileError(label_path, f"mask is {mask} but its image {image_path.name} is {expected}; {RESTORE}")


def size_text(pixels: Image | Label) -> str:
    """Height x width, as in "2448x2448"."""
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
