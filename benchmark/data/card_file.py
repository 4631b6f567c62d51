"""A dataset described by a file: ``dataset.toml`` in its folder, instead of a Python class.

::

    title = "Coffee leaves"
    classes = ["background", "leaf", "symptom"]
    palette = [[0, 0, 0], [0, 255, 0], [255, 0, 0]]   # colours in pictures, and in RGB masks
    values = [0, 1, 2]                                # what a grey or palette mask holds for each class
    ignore = [255]                                    # values that are not scored
    images = ["images/*.jpg"]                         # the last * is the image's id
    masks = ["masks/*_mask.png"]
    image_size = [1024, 2048]

    [split]
    by = "fraction"                                   # or "folder", "list", "fold"
    fraction = 0.2
    seed = 0

A table ``[training]`` may follow, see :mod:`benchmark.data.training_rule`.
"""

from __future__ import annotations

import hashlib
import random
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from benchmark.data.base import IGNORE, DatasetInfo, Label, Pixels, Problem, Progress
from benchmark.data.colours import classes_of
from benchmark.data.folder import FolderDataset
from benchmark.data.layout import Layout
from benchmark.data.opening import BadFileError, load
from benchmark.data.raster import open_image, open_labels
from benchmark.data.reading import require_values
from benchmark.data.split_rule import SplitRule, first_repeated
from benchmark.data.training_rule import TrainingRule
from benchmark.data.windowed import Windowed, windowed_size
from benchmark.errors import DataError, UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "dataset.toml"
MOST_CLASSES = 255
UNKNOWN = -1  # in the table of mask values
Channel = Annotated[int, Field(ge=0, le=255)]
COLOURS_REMEDY = "add it to 'palette', or save the mask without loss"
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


class DatasetCard(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1)
    classes: list[Annotated[str, Field(min_length=1)]] = Field(min_length=2, max_length=MOST_CLASSES)
    palette: list[tuple[Channel, Channel, Channel]] = []
    values: list[int] = []
    ignore: list[int] = []
    images: list[str] = Field(min_length=1)
    masks: list[str] = Field(min_length=1)
    image_size: tuple[PositiveInt, PositiveInt]
    split: SplitRule
    training: TrainingRule = TrainingRule()

    @model_validator(mode="after")
    def _consistent(self) -> DatasetCard:
        count = len(self.classes)
        self.palette = self.palette or [_colour(index) for index in range(count)]
        self.values = self.values or list(range(count))
        if len(set(self.classes)) != count:
            raise ValueError("classes: two classes have one name")
        for name in ("palette", "values"):
            found = getattr(self, name)
            if len(found) != count or len(set(found)) != count:
                raise ValueError(f"{name}: {count} different entries are needed, one for each class")
        if set(self.values) & set(self.ignore) or not all(0 <= value <= 255 for value in self.values + self.ignore):
            raise ValueError("values, ignore: numbers from 0 to 255, none of them in both")
        if not all(_is_pattern(pattern) for pattern in self.images + self.masks):
            raise ValueError("images, masks: patterns within the folder, with a * for the image's id")
        self.training.check(self.classes)
        return self

    @property
    def name(self) -> str:
        """The title as a word, and a fingerprint of all that a score depends on: another card, another dataset."""
        word = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "dataset"
        scored = self.model_dump_json(include={"classes", "palette", "values", "ignore"})
        return f"{word}-{hashlib.sha256(scored.encode()).hexdigest()[:6]}"


def _is_pattern(text: str) -> bool:
    """Whether a pattern stays in the folder and has a star; "**" stands for folders, and alone between slashes."""
    parts = Path(text).parts
    wild = all("**" not in part or part == "**" for part in parts)
    return (
        wild and ".." not in parts and not text.startswith("/") and "\0" not in text and "*" in text.rpartition("**")[2]
    )


def _colour(index: int) -> tuple[int, int, int]:
    """A colour that differs from the others, also for the colour-blind among the first nine."""
    if index < len(COLOURS):
        text = COLOURS[index]
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
    mixed = random.Random(index)
    return mixed.randrange(256), mixed.randrange(256), index


class CardDataset(FolderDataset):
    """The base of the classes that ``dataset_of`` makes."""

    card: DatasetCard
    one_size = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._require_one_file(self.image_files, self._images)
        self._require_one_file(self.label_files, self._labels)
        twice = first_repeated([image_id for split in self.splits for image_id in self.official_ids(split)])
        if twice:
            raise DataError(
                f"{self.info.where}: split: '{twice}' is in two splits; what is scored must not be trained on"
            )

    def __reduce__(self) -> tuple[object, ...]:
        """Its class is made anew in another process, where it cannot be imported."""
        return _opened, (Path(self.info.where), self.root)

    def _require_one_file(self, files: Iterable[tuple[str, Path]], read: Mapping[str, Path]) -> None:
        for image_id, file in files:
            if file != read[image_id]:
                raise DataError(f"{file}: has the id '{image_id}', and so has {read[image_id]}; change the patterns")

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Every fault of the folder; that a split is empty is one of the card."""
        counts = {split: self.official_count(split) for split in self.splits}
        lacks = "train" if not counts["train"] else "val and test" if not counts["val"] + counts["test"] else ""
        empty = [Problem(Path(self.info.where), f"split: no image for {lacks}; change the rule")] if lacks else []
        return empty + super().verify(progress)

    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of a split by the card's rule."""
        self.require_split(split)
        files = {key: file.relative_to(self.root) for key, file in self._images.items() if key in self._labels}
        return self.card.split.ids(split, files)

    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a mask that holds the card's values, or its colours in RGB.

        Raises:
            BadFileError: the file cannot be read completely, or holds a value or colour that is no class.
        """
        image = load(path)
        if image.mode in ("L", "P", "1"):
            self._require_palette(image, path)
            return self._classes(path, np.array(image, dtype=np.uint8))
        if image.mode not in ("RGB", "RGBA"):
            raise BadFileError(path, f"has mode '{image.mode}'; save the mask as 8-bit grey, palette or RGB")
        if image.mode == "RGBA" and np.array(image.getchannel("A")).min(initial=255) < 255:
            raise BadFileError(path, "has transparent pixels, whose class is unclear; save the mask as RGB")
        classes = {colour: index for index, colour in enumerate(self.card.palette)}
        return classes_of(np.array(image.convert("RGB")), classes, path, COLOURS_REMEDY)

    def _classes(self, path: Path, stored: NDArray[np.uint8]) -> Label:
        """Class indices of the values of a mask."""
        require_values(path, stored, self._table != UNKNOWN, f"{self.card.values} or {self.card.ignore}")
        label: Label = self._table[stored].astype(np.uint8)
        return label

    def pixels(self, image_id: str) -> tuple[Pixels, Pixels]:
        """Image and label; of large TIFFs, with a grey mask, windows are read.

        Raises:
            DataError: as ``read``.
        """
        image, mask = self.image_path(image_id), self.label_path(image_id)
        size = windowed_size(image, "RGB")
        if size is None or windowed_size(mask, "L") != size:  # another size is an error of reading
            return self.read(image_id)

        def classes(rows: NDArray[np.uint8]) -> Label:
            return self._classes(mask, rows[..., 0])

        return Windowed(image, (*size, 3), open_image, np.asarray), Windowed(mask, size, open_labels, classes)

    def _require_palette(self, image: PIL.Image.Image, path: Path) -> None:
        """Refuse a mask whose own palette holds the card's colours in another order."""
        colours = (image.getpalette() or []) if image.mode == "P" else []
        own = [tuple(colours[3 * value : 3 * value + 3]) for value in self.card.values]
        if own != self.card.palette and set(own) == set(self.card.palette):
            raise BadFileError(
                path, f"its palette gives {self.card.values} the colours {own}; change 'palette' or 'values'"
            )

    @property
    def _table(self) -> NDArray[np.int16]:
        table = np.full(256, UNKNOWN, np.int16)
        table[self.card.ignore] = IGNORE
        table[self.card.values] = range(len(self.card.values))
        return table


def _opened(path: Path, root: Path) -> CardDataset:
    return dataset_of(path)(root)


def dataset_of(path: Path) -> type[CardDataset]:
    """The class of the dataset that a file describes.

    Raises:
        UserError: the file is missing, not called ``dataset.toml``, or wrong; the message names the entry.
    """
    if path.name != FILE:
        raise UserError(f"--dataset {path}: the file must be called {FILE} and lie in the dataset's folder")
    if path.exists() and not path.is_file():
        raise UserError(f"--dataset {path}: is not a plain file; make it with 'isdbench data init FOLDER'")
    try:
        card = DatasetCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"--dataset {path}: {error.strerror}; make it with 'isdbench data init FOLDER'") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"--dataset {path}: is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        parts = (".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, "))
        raise UserError(f"--dataset {path}: {': '.join(filter(None, parts))}") from error
    info = DatasetInfo(
        name=card.name,
        title=card.title,
        classes=tuple(card.classes),
        palette=tuple(card.palette),
        image_size=card.image_size,
        paper_classes=tuple(range(len(card.classes))),
        training=card.training.hints(card.classes),
        where=str(path),
    )
    layout = Layout(FILE, tuple(card.images), tuple(card.masks), official=True)
    return type("CardDataset", (CardDataset,), {"info": info, "layouts": (layout,), "card": card})
