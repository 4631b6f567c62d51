"""Cityscapes (Cordts et al., CVPR 2016): 2975 / 500 street scenes of 1024x2048 with fine labels; 19 evaluated classes.

The labels of the official test images are withheld, so all tables score ``val``. The folders are the split lists.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import IGNORE, DatasetInfo, Label, TrainingHints
from benchmark.data.folder import Layout, SplitFolders
from benchmark.data.reading import read_label, require_values

# (labelId, name, colour) in the order of the train ids, from the label table of cityscapesScripts.
CLASSES = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic_light", (250, 170, 30)),
    (20, "traffic_sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
OFFICIAL_COUNTS = {"train": 2975, "val": 500}

TRAIN_IDS: Label = np.full(256, IGNORE, np.uint8)  # by labelId; 255: not evaluated. Plate, -1, is stored as 255
TRAIN_IDS[[label_id for label_id, _, _ in CLASSES]] = range(len(CLASSES))
_LABEL_IDS = np.isin(np.arange(256), (*range(34), 255))
_TRAIN_ID_VALUES = np.isin(np.arange(256), (*range(len(CLASSES)), IGNORE))


def _layout(name: str, label_kind: str) -> Layout:
    images = tuple(f"leftImg8bit/{split}/*/*_leftImg8bit.png" for split in OFFICIAL_COUNTS)
    labels = tuple(f"gtFine/{split}/*/*_gtFine_{label_kind}.png" for split in OFFICIAL_COUNTS)
    return Layout(name, images, labels, official=True)


class Cityscapes(SplitFolders):
    """The reader of Cityscapes: ``labelIds`` masks, or ``labelTrainIds`` masks where only those exist."""

    info = DatasetInfo(
        name="cityscapes",
        title="Cityscapes",
        classes=tuple(name for _, name, _ in CLASSES),
        palette=tuple(colour for _, _, colour in CLASSES),
        image_size=(1024, 2048),
        paper_classes=tuple(range(len(CLASSES))),
        training=TrainingHints(rotate="none"),
        evaluation_splits=("val",),
        citation="Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016",
        licence="Cityscapes terms, non-commercial research; register to download",
        where="https://www.cityscapes-dataset.com (leftImg8bit and gtFine trainvaltest, after registration)",
    )
    splits = tuple(OFFICIAL_COUNTS)
    counts = OFFICIAL_COUNTS
    layouts = (_layout("official", "labelIds"), _layout("official, train ids", "labelTrainIds"))

    def read_mask(self, path: Path) -> Label:
        """Train ids ``[H, W]``; 255 = ignore. The file's name tells whether it holds label ids or train ids.

        Raises:
            BadFileError: the file cannot be read completely, or holds another value.
        """
        label = read_label(path)
        if path.name.endswith("_labelTrainIds.png"):
            require_values(path, label, _TRAIN_ID_VALUES, "train ids 0-18 and 255")
            return label
        require_values(path, label, _LABEL_IDS, "label ids 0-33 and 255")
        return TRAIN_IDS[label]


DATASET = Cityscapes
