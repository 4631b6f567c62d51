"""What the two datasets of the ISPRS 2D Semantic Labeling Contest share: six classes and their colours.

Source: the contest's pages at isprs.org. Its masks with eroded borders (``noBoundary``) are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import Label
from benchmark.data.colours import classes_of
from benchmark.data.folder import FolderDataset
from benchmark.data.opening import RESTORE, load
from benchmark.data.reading import require_colours, rgb_of

CLASSES = ("impervious_surface", "building", "low_vegetation", "tree", "car", "clutter")
PALETTE = ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0))
CITATION = (
    "Rottensteiner et al., The ISPRS Benchmark on Urban Object Classification and 3D Building Reconstruction, ISPRS "
    "Annals I-3, 2012"
)
LICENCE = "none stated; on request from ISPRS"
NOISE = 8  # a channel within this distance of 0 or 255 is taken for it: not every label file has pure colours
_INDICES = {colour: index for index, colour in enumerate(PALETTE)}


class ISPRSTiles(FolderDataset):
    """The base of Potsdam and Vaihingen: colour masks, and lists of the contest's training and test tiles."""

    splits = ("train", "test")

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a colour mask.

        Raises:
            BadFileError: the file cannot be read completely, or holds a colour that is no class.
        """
        mask = rgb_of(load(path), path)
        require_colours(path, mask, len(CLASSES))
        mask[mask <= NOISE] = 0
        mask[mask >= np.uint8(255 - NOISE)] = 255
        return classes_of(mask, _INDICES, path, RESTORE)
