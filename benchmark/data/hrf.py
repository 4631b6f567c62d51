"""HRF (Budai et al., 2013): 45 fundus photographs of 2336x3504 with arteries and veins labelled; 24 train, 21 test.

Vessels are 3 to 30 pixels wide, and only the course of a vessel tells an artery from a vein. The labels (Hemelings et
al., 2019) and the split are those in the repository of Zhou et al. (MICCAI 2021), whose code reads the mask values as
0 background, 1 artery, 2 vein, 3 crossing or uncertain. Value 3 is ignored here. The black surround of the photograph
counts as background: the field-of-view masks of the release are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import IGNORE, DatasetInfo, Label, TrainingHints
from benchmark.data.folder import Layout, SplitFolders
from benchmark.data.reading import read_label, require_values

OFFICIAL_COUNTS = {"train": 24, "test": 21}
FOLDERS = {"train": "training"}
UNCERTAIN = 3
_VALUES = np.arange(256) <= UNCERTAIN


class HRF(SplitFolders):
    """The reader of HRF: index masks, as released or in folders by kind and split."""

    info = DatasetInfo(
        name="hrf",
        title="HRF",
        classes=("background", "artery", "vein"),
        palette=((0, 0, 0), (213, 94, 0), (86, 180, 233)),
        image_size=(2336, 3504),
        paper_classes=(0, 1, 2),
        merged_classes={"vessel": (1, 2)},
        evaluation_splits=("test",),
        # the red channel is near saturation: brighter or more contrast, and the vessels vanish
        training=TrainingHints(photometric=False, crop_classes=(1, 2)),
        citation="Budai et al., Robust Vessel Segmentation in Fundus Images, Int. J. Biomedical Imaging 2013; labels: "
        "Hemelings et al., Artery-vein segmentation in fundus images, Computerized Medical Imaging and Graphics 2019",
        licence="images CC BY 4.0; labels as in github.com/rmaphoh/Learning-AVSegmentation",
        where="https://github.com/rmaphoh/Learning-AVSegmentation (clone it; --root is its folder data/HRF-AV)",
    )
    splits = ("train", "test")
    counts, folders = OFFICIAL_COUNTS, FOLDERS
    layouts = (
        Layout("released", ("*/images/*.jpg", "*/images/*.JPG"), ("*/1st_manual/*_AVmanual.png",), official=True),
        Layout("by kind", ("images/*/*.jpg", "images/*/*.JPG"), ("labels/*/*.png",), official=True),
    )

    def read_mask(self, path: Path) -> Label:
        """0 background, 1 artery, 2 vein, ``[H, W]``; 255 where the label is uncertain.

        Raises:
            BadFileError: the file cannot be read completely, or holds another value.
        """
        label = read_label(path)
        require_values(path, label, _VALUES, "0-3")
        label[label == UNCERTAIN] = IGNORE
        return label


DATASET = HRF
