"""LoveDA (Wang et al., NeurIPS Datasets and Benchmarks 2021): 5987 images of 1024x1024, 0.3 m, urban and rural.

2522 / 1669 images to train and validate; the labels of the 1796 official test images are withheld, so ``val`` is
scored. The folders are the split lists. Source: github.com/Junjue-Wang/LoveDA, Zenodo record 5706578.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import IGNORE, DatasetInfo, Label
from benchmark.data.folder import Layout, SplitFolders
from benchmark.data.reading import read_label, require_values

OFFICIAL_COUNTS = {"train": 2522, "val": 1669}
FOLDERS = {"train": "Train", "val": "Val"}
_VALUES = np.arange(256) <= 7
CLASS_OF_VALUE: Label = np.full(256, IGNORE, np.uint8)  # 0: no data
CLASS_OF_VALUE[1:8] = range(7)


class LoveDA(SplitFolders):
    """The reader of LoveDA: grey masks of 1 to 7, and 0 where there is no data."""

    info = DatasetInfo(
        name="loveda",
        title="LoveDA",
        classes=("background", "building", "road", "water", "barren", "forest", "agriculture"),
        palette=(
            (255, 255, 255),
            (255, 0, 0),
            (255, 255, 0),
            (0, 0, 255),
            (159, 129, 183),
            (0, 255, 0),
            (255, 195, 128),
        ),
        image_size=(1024, 1024),
        paper_classes=tuple(range(7)),
        evaluation_splits=("val",),
        citation="Wang et al., LoveDA: A Remote Sensing Land-Cover Dataset for Domain Adaptive Semantic Segmentation, "
        "NeurIPS Datasets and Benchmarks 2021",
        licence="CC BY-NC-SA 4.0",
        where="https://zenodo.org/records/5706578 (Train.zip and Val.zip)",
    )
    splits = tuple(OFFICIAL_COUNTS)
    counts, folders = OFFICIAL_COUNTS, FOLDERS
    layouts = (
        Layout(
            "official",
            tuple(f"{folder}/*/images_png/*.png" for folder in FOLDERS.values()),
            tuple(f"{folder}/*/masks_png/*.png" for folder in FOLDERS.values()),
            official=True,
        ),
    )

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]``, one less than the stored values; 255 where there is no data.

        Raises:
            BadFileError: the file cannot be read completely, or holds another value.
        """
        label = read_label(path)
        require_values(path, label, _VALUES, "0-7")
        return CLASS_OF_VALUE[label]


DATASET = LoveDA
