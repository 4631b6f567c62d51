"""BRACOL (Esgario et al., 2020): 500 photographs of coffee leaves, 1024x2048, with leaf and symptom labelled.

400 / 50 / 50 images to train, validate and test; the folders are the split lists. The symptoms, lesions on 1.3 % of
the pixels, decide the score.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo, Image, Label, TrainingHints
from benchmark.data.folder import Layout, SplitFolders
from benchmark.data.opening import RESTORE, BadFileError, load
from benchmark.data.reading import label_of, require_colours, require_values, rgb_of

OFFICIAL_COUNTS = {"train": 400, "val": 50, "test": 50}
RELEASED_COLOURS = np.array([(0, 0, 0), (0, 176, 0), (255, 0, 0)], np.uint8)
_INDICES = np.arange(256) < len(RELEASED_COLOURS)


class BRACOL(SplitFolders):
    """The reader of BRACOL: colour masks as released, or index masks in folders by kind and split."""

    info = DatasetInfo(
        name="bracol",
        title="BRACOL",
        classes=("background", "leaf", "symptom"),
        palette=((0, 0, 0), (0, 158, 115), (240, 228, 66)),  # released masks are green and red: not for all eyes
        image_size=(1024, 2048),
        paper_classes=(0, 1, 2),
        training=TrainingHints(crop_classes=(2,)),
        citation="Esgario et al., Deep Learning for Classification and Severity Estimation of Coffee Leaf Biotic "
        "Stress, Computers and Electronics in Agriculture 169, 2020",
        licence="MIT (github.com/esgario/lara2018)",
        where="https://github.com/esgario/lara2018 (clone it; --root is its folder segmentation/dataset)",
    )
    counts = OFFICIAL_COUNTS
    layouts = (
        Layout("released", ("images/*/*.jpg",), ("annotations/*/*_mask.png",), official=True),
        Layout("by kind", ("images/*/*.jpg",), ("labels/*/*.png",)),
    )

    def read_mask(self, path: Path) -> Label:
        """0 background, 1 leaf, 2 symptom, ``[H, W]``, of a colour mask or of an 8-bit grey mask that holds 0-2.

        Raises:
            BadFileError: the file cannot be read completely, or holds a colour or value that is no class.
        """
        image = load(path)
        if image.mode == "L":
            indices = label_of(image, path)
            require_values(path, indices, _INDICES, "class indices 0-2")
            return indices
        mask = rgb_of(image, path)
        require_colours(path, mask, 3)
        label: Label = (mask[..., 1] > 0) + np.uint8(2) * (mask[..., 0] > 0)
        strange = label > 2  # green and red at once
        strange |= (RELEASED_COLOURS[np.where(strange, 0, label)] != mask).any(axis=2)
        if strange.any():
            colour = tuple(mask[strange][0].tolist())
            found = f"{int(strange.sum())} pixels have a colour that is no class, the first RGB {colour}"
            raise BadFileError(path, f"{found}; {RESTORE}")
        return label

    def official_mask(self, label: Label) -> Image:
        """Black, green and red, ``[H, W, 3]``, as released."""
        mask: Image = RELEASED_COLOURS[label]
        return mask


DATASET = BRACOL
