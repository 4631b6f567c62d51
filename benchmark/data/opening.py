"""Opening of image files of strangers: what the header says is checked before pixels are decoded."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import PIL._imaging
import PIL.Image
import PIL.TiffImagePlugin
import psutil
from PIL import ImageFile

from benchmark.errors import DataError

# Pillow and its libtiff speak on stderr of damage that is an error anyway, or does not matter.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
with contextlib.suppress(AttributeError, OSError):  # a Pillow whose libtiff hides this function
    ctypes.CDLL(PIL._imaging.__file__).TIFFSetErrorHandler(None)
RESTORE = "restore it from the dataset's archive"
PIL.Image.MAX_IMAGE_PIXELS = None  # 179 megapixels are no attack here: what counts is the free memory
HARMLESS_BYTES = 2**25  # of pixels that a file of any length may claim
MOST_PACKED = 2000  # pixels' bytes over the file's; uniform colour apart, no packing does better
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
    with checked(path) as image:
        image.load()
    return image


@contextlib.contextmanager
def checked(path: Path) -> Iterator[PIL.Image.Image]:
    """An image file that has passed every check of its header; its pixels may be decoded within the context.

    Raises:
        BadFileError: as :func:`load`.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries set this global; the lost part would be grey
    with opened(path) as image:
        _require_8_bits(image, path)
        _require_memory(image, path)
        require_one_picture(_pictures(image), path)
        _require_all_parts(image, path)
        yield image


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


def _require_all_parts(image: PIL.Image.Image, path: Path) -> None:
    """Refuse a TIFF that lists too few strips or tiles for its size: Pillow would leave the rest black."""
    if isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        parts = (part.extents or (0, 0, *image.size) for part in image.tile)
        if sum((right - left) * (bottom - top) for left, top, right, bottom in parts) < image.width * image.height:
            raise BadFileError(path, f"lacks parts of its {image.height}x{image.width} pixels; {RESTORE}")


def _require_memory(image: PIL.Image.Image, path: Path) -> None:
    size = (image.height, image.width)
    require_room(path, size, len(image.getbands()))
    if image.format == "JPEG2000":  # whose decoder takes memory for all that the header claims
        require_content(path, size, len(image.getbands()))


def require_room(path: Path, size: tuple[int, int], bands: int) -> None:
    """Check that pixels which are decoded at once, (height, width), take no more than half of the free memory.

    Raises:
        BadFileError: they take more.
    """
    needed, free = size[0] * size[1] * bands, psutil.virtual_memory().available
    if needed > FREE_SHARE * free:
        pixels = f"{size[0]}x{size[1]} pixels take {needed / 2**20:.0f} MiB"
        raise BadFileError(path, f"{pixels}, and {free / 2**20:.0f} MiB of memory are free; cut the image into parts")


def require_content(path: Path, size: tuple[int, int], bands: int) -> None:
    """Check that a file can hold the pixels, (height, width), that its header claims.

    Raises:
        BadFileError: they are far more than any picture of this file's length has.
    """
    packed = path.stat().st_size
    if size[0] * size[1] * bands > max(HARMLESS_BYTES, MOST_PACKED * packed):
        claim = f"claims {size[0]}x{size[1]} pixels at once in {packed} bytes"
        raise BadFileError(path, f"{claim}: damaged, or without any detail; {RESTORE} or save it as PNG")


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
