"""ISPRS Vaihingen (Rottensteiner et al., 2012): 33 tiles of 0.09 m, 1281 to 3816 pixels a side, a village.

16 tiles train and 17 test, as in the contest, whose test labels are published by now. The three channels of an image
are near infrared, red and green.
"""

from __future__ import annotations

from benchmark.data import isprs
from benchmark.data.base import DatasetInfo
from benchmark.data.folder import Layout

_TILE = "top_mosaic_09cm_*.tif"


class Vaihingen(isprs.ISPRSTiles):
    """The reader of ISPRS Vaihingen. An id is a tile, as "top_mosaic_09cm_area1"."""

    info = DatasetInfo(
        name="vaihingen",
        title="ISPRS Vaihingen",
        classes=isprs.CLASSES,
        palette=isprs.PALETTE,
        image_size=(2494, 2064),  # the mean that papers print: no two tiles need have one size
        paper_classes=tuple(range(len(isprs.CLASSES))),
        evaluation_splits=("test",),
        citation=isprs.CITATION,
        licence=isprs.LICENCE,
        where="https://www.isprs.org (2D Semantic Labeling Contest, Vaihingen: ISPRS_semantic_labeling_Vaihingen.zip "
        "and ISPRS_semantic_labeling_Vaihingen_ground_truth_COMPLETE.zip)",
    )
    one_size = False
    layouts = (  # the archive of all labels has no folder of its own
        Layout("official", (f"top/{_TILE}",), (_TILE,), official=True),
        Layout("labels in a folder", (f"top/{_TILE}",), (f"gts/{_TILE}",), official=True),
        Layout("training labels alone", (f"top/{_TILE}",), (f"gts_for_participants/{_TILE}",), official=True),
    )


DATASET = Vaihingen
