"""LandCover.ai (Boguszewski et al., CVPR Workshops 2021): 41 orthophotos of Poland, 0.25 or 0.5 m, in 512x512 tiles.

The split is of tiles: ``split.py`` of the release cuts the orthophotos into ``output/``, and ``train.txt``,
``val.txt`` and ``test.txt`` beside it name the tiles. Tiles of one orthophoto are in more than one of the lists.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo, Label
from benchmark.data.folder import FolderDataset, Layout
from benchmark.data.opening import RESTORE, BadFileError, load
from benchmark.data.reading import label_of, require_values, rgb_of

CLASSES = ("background", "building", "woodland", "water", "road")
_VALUES = np.arange(256) < len(CLASSES)


class LandCoverAI(FolderDataset):
    """The reader of LandCover.ai: index masks, in one channel or, as ``split.py`` writes them, in three equal ones."""

    info = DatasetInfo(
        name="landcoverai",
        title="LandCover.ai",
        classes=CLASSES,
        palette=((0, 0, 0), (213, 94, 0), (0, 158, 115), (86, 180, 233), (204, 121, 167)),  # the release has none
        image_size=(512, 512),
        paper_classes=tuple(range(len(CLASSES))),
        citation="Boguszewski et al., LandCover.ai: Dataset for Automatic Mapping of Buildings, Woodlands, Water and "
        "Roads from Aerial Imagery, CVPRW 2021",
        licence="CC BY-NC-SA 4.0",
        where="https://landcover.ai (unpack the archive and run the split.py in it: it makes the folder output)",
    )
    lists = ("train.txt", "val.txt", "test.txt")
    layouts = (Layout("official", ("output/*.jpg",), ("output/*_m.png",), official=True),)

    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of the release's list of a split, in its order.

        Raises:
            UnknownNameError: there is no such split.
            DataError: the list is not in the folder, or is no text.
        """
        self.require_split(split)
        file = self.root / f"{split}.txt"
        try:
            return tuple(file.read_text(encoding="ascii").split())
        except OSError as error:
            raise BadFileError(file, f"no such list of the split's tiles; {RESTORE}") from error
        except UnicodeDecodeError as error:
            raise BadFileError(file, f"is no list of tiles; {RESTORE}") from error

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]``.

        Raises:
            BadFileError: the file cannot be read completely, or holds another value.
        """
        image = load(path)
        if image.mode != "RGB":
            label = label_of(image, path)
        else:
            mask = rgb_of(image, path)
            label = np.ascontiguousarray(mask[..., 0])
            if (mask != mask[..., :1]).any():
                raise BadFileError(path, f"holds colours, expected class indices 0-4; {RESTORE}")
        require_values(path, label, _VALUES, "class indices 0-4")
        return label


DATASET = LandCoverAI
