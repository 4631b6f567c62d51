"""Safe reading of images and masks: a file is read completely and correctly, or a :class:`BadFileError` names it.

Pillow decodes a 2448x2448 JPEG as fast as OpenCV (43 and 39 ms on one core), and it refuses a truncated one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageOps

from benchmark.data.base import Image, Label
from benchmark.data.opening import RESTORE, BadFileError, load, orientation


def read_rgb(path: Path) -> Image:
    """An RGB image ``[H, W, 3]``, turned upright where its EXIF data say that it is not.

    Raises:
        BadFileError: the file cannot be read completely, or is not 8-bit RGB.
    """
    return rgb_of(ImageOps.exif_transpose(load(path)), path)


def read_rgb_of_mask(path: Path, size: tuple[int, ...]) -> Image:
    """The RGB image ``[H, W, 3]`` of a mask of a size: turned upright only where that gives it the mask's size.

    Raises:
        BadFileError: as ``read_rgb``; or the image is to be turned, and its size does not tell whether the mask is.
    """
    image = load(path)
    turn = orientation(image)
    if turn != 1:
        stored, upright = (image.height, image.width), ImageOps.exif_transpose(image)
        if stored == (upright.height, upright.width):
            message = f"has EXIF orientation {turn}, and its size does not tell whether its mask is turned as well"
            raise BadFileError(path, f"{message}; save the image upright, without the tag")
        image = image if stored == tuple(size) else upright
    return rgb_of(image, path)


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


def require_colours(path: Path, mask: Image, classes: int) -> None:
    """Check that the colours of an RGB mask are colours, not class indices in three equal channels.

    Raises:
        BadFileError: they are indices.
    """
    highest = int(mask.max(initial=0))
    if 0 < highest < classes and (mask == mask[..., :1]).all():
        message = f"holds class indices (0-{highest}) in three equal channels, not the dataset's colours"
        raise BadFileError(path, f"{message}; save one channel as an 8-bit grey mask")


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
