"""URUR (Ji et al., CVPR 2023): 3008 images of 5120x5120, eight classes.

2157 / 280 / 571 images to train, validate and test; the folders are the split lists. Masks are read by their colours
alone: published code disagrees on the order of the indices (greenhouse is 2 for one author and 3 for another).
Source: github.com/jankyee/URUR; the colours are those of github.com/BinSpa/SRMF and of a second published reader.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo, Label
from benchmark.data.colours import classes_of
from benchmark.data.folder import Layout, SplitFolders
from benchmark.data.opening import RESTORE, BadFileError, load
from benchmark.data.reading import require_colours

OFFICIAL_COUNTS = {"train": 2157, "val": 280, "test": 571}
COLOURS = {
    (230, 230, 230): "building",
    (95, 163, 7): "farmland",
    (100, 100, 100): "greenhouse",
    (200, 230, 160): "woodland",
    (255, 255, 100): "bareland",
    (150, 200, 250): "water",
    (240, 100, 80): "road",
    (255, 255, 255): "others",
}
OTHERS = len(COLOURS) - 1
_INDICES = {**{colour: index for index, colour in enumerate(COLOURS)}, (0, 0, 0): OTHERS}  # readers have both


class URUR(SplitFolders):
    """The reader of URUR: colour masks, in RGB or with a colour table."""

    info = DatasetInfo(
        name="urur",
        title="URUR",
        classes=tuple(COLOURS.values()),
        palette=tuple(COLOURS),
        image_size=(5120, 5120),
        paper_classes=tuple(range(len(COLOURS))),
        citation="Ji et al., Ultra-High Resolution Segmentation with Ultra-Rich Context: A Novel Benchmark, CVPR 2023",
        licence="repository MIT; none stated for the images",
        where="https://github.com/jankyee/URUR (the link in its README)",
    )
    counts = OFFICIAL_COUNTS
    layouts = (Layout("official", ("*/image/*.png",), ("*/label/*.png",), official=True),)

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a colour mask; white and black are "others".

        Raises:
            BadFileError: the file cannot be read completely, holds indices, or a colour that is no class.
        """
        image = load(path)
        if image.mode not in ("RGB", "P"):
            message = f"has mode '{image.mode}', expected colours: the order of class indices differs between users"
            raise BadFileError(path, f"{message}; {RESTORE}")
        mask = np.array(image.convert("RGB"))
        require_colours(path, mask, len(COLOURS))
        return classes_of(mask, _INDICES, path, RESTORE)


DATASET = URUR
