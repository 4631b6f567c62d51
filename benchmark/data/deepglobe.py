"""DeepGlobe Land Cover Classification (Demir et al., CVPR Workshops 2018): 803 labelled images of 2448x2448, 0.5 m.

Class order, as in GLNet, MagNet and ISDNet: 0 unknown, 1 urban ... 6 barren. The split is GLNet's, 454 / 207 / 142.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo, Image, Label
from benchmark.data.folder import FolderDataset, Layout
from benchmark.data.opening import RESTORE, BadFileError, load
from benchmark.data.reading import label_of, require_colours, require_values, rgb_of

PALETTE = (
    (0, 0, 0),
    (0, 255, 255),
    (255, 255, 0),
    (255, 0, 255),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
)
NOISE = 32  # a channel within this distance of 0 or 255 has compression noise, not another colour
STRAY_SHARE = 1e-5  # share of pixels that may be farther from every palette colour: 59 of a 2448x2448 mask

RED = 4  # colour codes have 3 bits: red 4, green 2, blue 1, each set where the channel is 128 or more
CLASS_OF_CODE: Label = np.zeros(8, np.uint8)  # pure red is no class of the palette: unknown
CLASS_OF_CODE[[(red & 4) | (green & 2) | (blue & 1) for red, green, blue in PALETTE]] = range(len(PALETTE))
_INDICES = np.arange(256) < len(PALETTE)


def classes_from_rgb(mask: Image) -> Label:
    """Class indices ``[H, W]`` of a colour mask ``[H, W, 3]``: channels binarised at 128, as its authors advise."""
    return CLASS_OF_CODE[_codes(mask)]


def _require_palette(path: Path, mask: Image, codes: Label) -> None:
    """Check that no more than ``STRAY_SHARE`` of the pixels are far from every palette colour, or red."""
    shifted = mask + np.uint8(NOISE)  # wraps: channels within NOISE of 0 or 255 become 0..63
    red = codes == RED
    if shifted.max(initial=0) < 2 * NOISE and not red.any():
        return
    stray = (shifted >= 2 * NOISE).any(axis=2) | red
    count = int(stray.sum())
    if count <= STRAY_SHARE * stray.size:
        return
    colours, counts = np.unique(mask[stray], axis=0, return_counts=True)
    colour = tuple(colours[counts.argmax()].tolist())
    raise BadFileError(
        path,
        f"{count} pixels have a colour outside the palette, most of them RGB {colour} ({counts.max()}); {RESTORE}, "
        "or export the mask again without interpolation or lossy compression",
    )


def _codes(mask: Image) -> Label:
    """Colour codes ``[H, W]`` of a colour mask."""
    bits: Label = mask >> np.uint8(7)
    codes: Label = (bits[..., 0] << np.uint8(2)) | (bits[..., 1] << np.uint8(1)) | bits[..., 2]
    return codes


class DeepGlobe(FolderDataset):
    """The reader of DeepGlobe: colour masks as released, or the index masks that GLNet's and ISDNet's code expects."""

    info = DatasetInfo(
        name="deepglobe",
        title="DeepGlobe",
        classes=("unknown", "urban", "agriculture", "rangeland", "forest", "water", "barren"),
        palette=PALETTE,
        image_size=(2448, 2448),
        paper_classes=(1, 2, 3, 4, 5, 6),
        unknown_class=0,
        citation="Demir et al., DeepGlobe 2018: A Challenge to Parse the Earth through Satellite Images, CVPRW 2018",
        licence="DeepGlobe 2018 challenge terms, research use; register to download",
        where="http://deepglobe.org (Land Cover Classification, after registration)",
    )
    layouts = (
        Layout("official", ("land-train/*_sat.jpg",), ("land-train/*_mask.png",), official=True),
        Layout("official, land-train itself", ("*_sat.jpg",), ("*_mask.png",), official=True),
        Layout("GLNet", ("*/Sat/*_sat.jpg",), ("*/Label/*_mask.png",)),
        Layout("ISDNet", ("img_dir/*/*_sat.jpg",), ("rgb2id/*/*_mask.png",)),
    )

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a colour mask or of an 8-bit grey mask that holds indices 0-6.

        Raises:
            BadFileError: the file cannot be read completely, or holds a colour or value that is no class.
        """
        image = load(path)
        if image.mode == "L":
            label = label_of(image, path)
            require_values(path, label, _INDICES, "class indices 0-6")
            return label
        mask = rgb_of(image, path)
        require_colours(path, mask, 7)
        codes = _codes(mask)
        _require_palette(path, mask, codes)
        return CLASS_OF_CODE[codes]


DATASET = DeepGlobe
