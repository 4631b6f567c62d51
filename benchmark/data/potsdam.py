"""ISPRS Potsdam (Rottensteiner et al., 2012): 38 tiles of 6000x6000, 0.05 m, a historic city.

24 tiles train and 14 test, as in the contest, whose test labels are published by now. Read are the RGB images; those
with an infrared band (``RGBIR``) have four channels, and no system here takes four.
"""

from __future__ import annotations

from benchmark.data import isprs
from benchmark.data.base import DatasetInfo
from benchmark.data.folder import Layout

_IMAGES = ("2_Ortho_RGB/top_potsdam_*_RGB.tif",)


class Potsdam(isprs.ISPRSTiles):
    """The reader of ISPRS Potsdam. An id is a tile, as "top_potsdam_2_10"."""

    info = DatasetInfo(
        name="potsdam",
        title="ISPRS Potsdam",
        classes=isprs.CLASSES,
        palette=isprs.PALETTE,
        image_size=(6000, 6000),
        paper_classes=tuple(range(len(isprs.CLASSES))),
        evaluation_splits=("test",),
        citation=isprs.CITATION,
        licence=isprs.LICENCE,
        where="https://www.isprs.org (2D Semantic Labeling Contest, Potsdam: 2_Ortho_RGB.zip and 5_Labels_all.zip)",
    )
    layouts = (  # the archive of the labels has no folder of its own
        Layout("official", _IMAGES, ("top_potsdam_*_label.tif",), official=True),
        Layout("labels in a folder", _IMAGES, ("5_Labels_all/top_potsdam_*_label.tif",), official=True),
    )


DATASET = Potsdam
