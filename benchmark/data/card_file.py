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
"""

from __future__ import annotations

import hashlib
import random
import re
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.data.base import IGNORE, DatasetInfo, Label
from benchmark.data.colours import classes_of
from benchmark.data.folder import FolderDataset
from benchmark.data.layout import Layout
from benchmark.data.reading import BadFileError, load, require_values
from benchmark.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "dataset.toml"
MOST_CLASSES = 255
UNKNOWN = -1  # in the table of mask values
COLOURS_REMEDY = "add it to 'palette', or save the mask without loss"
COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


class SplitRule(BaseModel):
    """Which images are for training and which are scored."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["folder", "list", "fraction", "fold"]
    train: list[str] = []  # names of folders, or ids
    val: list[str] = []
    test: list[str] = []
    fraction: float = Field(0.2, gt=0, lt=1)  # of the images, scored
    folds: int = Field(5, ge=2)
    fold: int = Field(0, ge=0)  # which of the folds is scored
    seed: int = 0

    @model_validator(mode="after")
    def _complete(self) -> SplitRule:
        if self.by in ("folder", "list") and not (self.train and (self.val or self.test)):
            raise ValueError(f'by = "{self.by}" needs train, and val or test')
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}: folds count from 0")
        return self

    def ids(self, split: str, files: dict[str, Path]) -> tuple[str, ...]:
        """The ids of a split among the ``files`` by id, whose paths are relative to the dataset's folder."""
        names: list[str] = getattr(self, split)
        if self.by == "list":
            return tuple(names)
        if self.by == "folder":
            return tuple(image_id for image_id, file in files.items() if set(file.parent.parts) & set(names))
        drawn = sorted(files)
        random.Random(self.seed).shuffle(drawn)
        count = max(1, round(self.fraction * len(drawn)))
        scored = set(drawn[:count] if self.by == "fraction" else drawn[self.fold :: self.folds])
        wanted = {"train": set(drawn) - scored, "test": scored, "val": set[str]()}[split]
        return tuple(sorted(wanted))


class DatasetCard(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1)
    classes: list[str] = Field(min_length=2, max_length=MOST_CLASSES)
    palette: list[tuple[int, int, int]] = []
    values: list[int] = []
    ignore: list[int] = []
    images: list[str] = Field(min_length=1)
    masks: list[str] = Field(min_length=1)
    image_size: tuple[int, int]
    split: SplitRule

    @model_validator(mode="after")
    def _consistent(self) -> DatasetCard:
        count = len(self.classes)
        self.palette = self.palette or [_colour(index) for index in range(count)]
        self.values = self.values or list(range(count))
        for name in ("palette", "values"):
            found = getattr(self, name)
            if len(found) != count or len(set(found)) != count:
                raise ValueError(f"{name}: {count} different entries are needed, one for each class")
        if set(self.values) & set(self.ignore) or not all(0 <= value <= 255 for value in self.values + self.ignore):
            raise ValueError("values, ignore: numbers from 0 to 255, none of them in both")
        outside = [pattern for pattern in self.images + self.masks if ".." in Path(pattern).parts or pattern[0] == "/"]
        if outside or not all("*" in pattern for pattern in self.images + self.masks):
            raise ValueError("images, masks: patterns within the folder, with a * for the image's id")
        return self

    @property
    def name(self) -> str:
        """The title as a word, and a fingerprint of all that a score depends on: another card, another dataset."""
        word = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "dataset"
        scored = self.model_dump_json(include={"classes", "palette", "values", "ignore"})
        return f"{word}-{hashlib.sha256(scored.encode()).hexdigest()[:6]}"


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
            stored = np.array(image, dtype=np.uint8)
            require_values(path, stored, self._table != UNKNOWN, f"{self.card.values} or {self.card.ignore}")
            label: Label = self._table[stored].astype(np.uint8)
            return label
        if image.mode not in ("RGB", "RGBA"):
            raise BadFileError(path, f"has mode '{image.mode}'; save the mask as 8-bit grey, palette or RGB")
        classes = {colour: index for index, colour in enumerate(self.card.palette)}
        return classes_of(np.array(image.convert("RGB")), classes, path, COLOURS_REMEDY)

    @property
    def _table(self) -> NDArray[np.int16]:
        table = np.full(256, UNKNOWN, np.int16)
        table[self.card.ignore] = IGNORE
        table[self.card.values] = range(len(self.card.values))
        return table


def dataset_of(path: Path) -> type[CardDataset]:
    """The class of the dataset that a file describes.

    Raises:
        UserError: the file is missing, not called ``dataset.toml``, or wrong; the message names the entry.
    """
    if path.name != FILE:
        raise UserError(f"--dataset {path}: the file must be called {FILE} and lie in the dataset's folder")
    try:
        card = DatasetCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"--dataset {path}: {error.strerror}; make it with 'isdbench data init FOLDER'") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--dataset {path}: is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise UserError(f"--dataset {path}: {where}: {first['msg']}") from error
    info = DatasetInfo(
        name=card.name,
        title=card.title,
        classes=tuple(card.classes),
        palette=tuple(card.palette),
        image_size=card.image_size,
        paper_classes=tuple(range(len(card.classes))),
        where=str(path),
    )
    layout = Layout(FILE, tuple(card.images), tuple(card.masks), official=True)
    return type("CardDataset", (CardDataset,), {"info": info, "layouts": (layout,), "card": card})
