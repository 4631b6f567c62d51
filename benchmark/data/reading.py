"""Safe reading of images and masks: a file is read completely and correctly, or a :class:`BadFileError` names it.

Pillow decodes a 2448x2448 JPEG as fast as OpenCV (43 and 39 ms on one core), and it refuses a truncated one.
"""

from __future__ import annotations

import contextlib
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import psutil
from numpy.typing import NDArray
from PIL import ImageFile, ImageOps

from benchmark.data.base import Image, Label
from benchmark.errors import DataError

warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # damage that matters is an error anyway
RESTORE = "restore it from the dataset's archive"
PIL.Image.MAX_IMAGE_PIXELS = None  # 179 megapixels are no attack here: what counts is the free memory
FREE_SHARE = 0.5  # of the free memory, for one decoded image
ORIENTATION = 0x0112  # EXIF tag: how a viewer turns the stored pixels; 1 is upright
REDUCED, MASK = 1, 4  # bits of a TIFF's tag 254: the page is a smaller copy, or says where another one has data
JPEG_2000 = b"\xff\x4f\xff\x51"  # start of a codestream, followed by the sizes
# What Pillow raises on damaged files, besides OSError: broken PNG chunks, TIFF tags.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, TypeError, OverflowError)


class BadFileError(DataError):
    """One file is missing, damaged or of the wrong kind. The error's text is ``file``, a colon and ``message``."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file
        self.message = message


def load(path: Path) -> PIL.Image.Image:
    """An image file, decoded completely, in its stored mode and orientation.

    Raises:
        BadFileError: the file is missing, no image, truncated or damaged; it holds several pictures; its samples are
            wider than Pillow's mode shows; or it needs more than half of the free memory.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries set this global; the lost part would be grey
    with opened(path) as image:
        _require_8_bits(image, path)
        _require_memory(image, path)
        require_one_picture(_pictures(image), path)
        image.load()
    return image


@contextlib.contextmanager
def opened(path: Path) -> Iterator[PIL.Image.Image]:
    """An image file whose header is read; decoding its pixels within the context has the same errors.

    Raises:
        BadFileError: the file is missing, no plain file, no image or damaged.
    """
    require_plain(path)
    try:
        with PIL.Image.open(path) as image:
            yield image
    except MemoryError as error:
        raise BadFileError(path, "takes more memory than there is; cut the image into parts") from error
    except PIL.UnidentifiedImageError as error:
        raise BadFileError(path, f"not an image, or cut short (a failed download?); {RESTORE}") from error
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadFileError(path, f"cannot be read: {reason}; {RESTORE}") from error


def require_plain(path: Path) -> None:
    """Check that a path is a file: whoever opened a pipe would wait for ever.

    Raises:
        BadFileError: it is missing, a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadFileError(path, f"no such file; {RESTORE}") from error
    except OSError as error:
        raise BadFileError(path, f"cannot be read: {error.strerror}; {RESTORE}") from error
    if not stat.S_ISREG(mode):
        what = "is a folder" if stat.S_ISDIR(mode) else "is not a plain file"
        raise BadFileError(path, f"cannot be read: {what}; {RESTORE}")


def require_one_picture(count: int, path: Path) -> None:
    """Check that a file holds one picture: which of several is meant, it does not say.

    Raises:
        BadFileError: it holds several.
    """
    if count > 1:
        raise BadFileError(path, f"holds {count} pictures (pages or frames); save the one that is meant alone")


def _pictures(image: PIL.Image.Image) -> int:
    """How many pictures an open file holds, without the small copies and masks of a TIFF or of a photograph."""
    frames: int = getattr(image, "n_frames", 1)
    if frames == 1 or image.format == "MPO":
        return 1
    if not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        return frames
    count = 0
    for frame in range(frames):
        image.seek(frame)
        count += not int(image.tag_v2.get(254, 0)) & (REDUCED | MASK)
    image.seek(0)
    return count


def _require_8_bits(image: PIL.Image.Image, path: Path) -> None:
    """Refuse colours of 16 bits, which Pillow calls RGB as well and cuts to their high bytes."""
    bits = max(image.tag_v2.get(258, (8,))) if isinstance(image, PIL.TiffImagePlugin.TiffImageFile) else 8
    if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        bits = 16
    elif image.format == "JPEG2000":
        with path.open("rb") as file:
            head = file.read(4096)
        bits = (head[head.index(JPEG_2000) + 42] & 0x7F) + 1  # of the first component
    if bits > 8 and image.mode in ("RGB", "RGBA", "L", "P"):
        raise BadFileError(path, f"has samples of {bits} bits, expected 8; scale its range to 0-255 and save it again")


def _require_memory(image: PIL.Image.Image, path: Path) -> None:
    needed, free = image.width * image.height * len(image.getbands()), psutil.virtual_memory().available
    if needed > FREE_SHARE * free:
        size = f"{image.height}x{image.width} pixels take {needed / 2**20:.0f} MiB"
        raise BadFileError(path, f"{size}, and {free / 2**20:.0f} MiB of memory are free; cut the image into parts")


def orientation(image: PIL.Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none."""
    found = image.getexif().get(ORIENTATION, 1)
    return int(found) if found in range(1, 9) else 1


def header_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file when it is upright, from its header; a PNG is decoded to find its EXIF data.

    Raises:
        BadFileError: the file is missing, no image or too large.
    """
    with opened(path) as image:
        _require_memory(image, path)
        turned = orientation(image) > 4
        return (image.width, image.height) if turned else (image.height, image.width)


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
