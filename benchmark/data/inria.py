"""Inria Aerial Image Labeling (Maggiori et al., IGARSS 2017): 180 labelled tiles of 5000x5000, 0.3 m, five cities.

The labels of the official test images are withheld; the split of the 180 is FCtL's, 126 / 27 / 27, as in ISDNet.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo, Label
from benchmark.data.folder import FolderDataset, Layout
from benchmark.data.reading import read_label, require_values

_ALLOWED = np.isin(np.arange(256), (0, 1, 255))


class Inria(FolderDataset):
    """The reader of Inria Aerial: masks of 0 and 255 as released, or of 0 and 1 as FCtL's and ISDNet's code expects."""

    info = DatasetInfo(
        name="inria",
        title="Inria Aerial",
        classes=("background", "building"),
        palette=((0, 0, 0), (255, 255, 255)),
        image_size=(5000, 5000),
        paper_classes=(1,),
        citation="Maggiori et al., Can Semantic Labeling Methods Generalize to Any City?, IGARSS 2017",
        licence="see the dataset's page; register to download",
        where="https://project.inria.fr/aerialimagelabeling (after registration)",
    )
    layouts = (
        Layout("official", ("train/images/*.tif",), ("train/gt/*.tif",), official=True),
        Layout("FCtL", ("*/Sat/*_sat.tif",), ("*/Label/*_mask.png",)),
        Layout("ISDNet", ("imgs/*/*_sat.tif",), ("labels/*/*_mask.png",)),
    )

    def read_mask(self, path: Path) -> Label:
        """0 background and 1 building, ``[H, W]``, from either coding of the masks.

        Raises:
            BadFileError: the file cannot be read completely, or holds another value.
        """
        label = read_label(path)
        require_values(path, label, _ALLOWED, "0 and 255 (or 0 and 1)")
        return (label > 0).astype(np.uint8)

    def official_mask(self, label: Label) -> Label:
        """One band of 0 and 255."""
        mask: Label = label * np.uint8(255)
        return mask


DATASET = Inria
