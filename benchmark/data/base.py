"""The contract of a dataset: its facts, the ids of its splits, and how an image and its mask are read."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from results import cell

IGNORE = cell.IGNORE
Image = NDArray[np.uint8]  # [H, W, 3], RGB
Label = NDArray[np.uint8]  # [H, W], class index; 255 = ignore
Colour = tuple[int, int, int]
Progress = Callable[[int, int], None]  # images done, images in all


class Pixels(Protocol):
    """An image ``[H, W, 3]`` or a label map ``[H, W]``, of which a part is taken by slices: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and, of an image, 3."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""

    def __getitem__(self, window: tuple[slice, slice], /) -> NDArray[np.uint8]:
        """The pixels of rows and columns."""


@dataclass(frozen=True, kw_only=True)
class TrainingHints:
    """What a recipe shared by all systems must respect on a dataset. A recipe of a system's own ignores it."""

    rotate: Literal["none", "right-angles"] = "right-angles"  # "none": the images have an up and a down
    photometric: bool = True  # False: distorting the colours destroys what the classes are told by
    crop_classes: tuple[int, ...] = ()  # a crop with none of these classes is drawn again, ten times at most
    class_weights: tuple[float, ...] = ()  # how often a crop is drawn for each class, until it holds the class


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """Facts about a dataset, wherever its files are. Class indices count from 0 in the order of ``classes``."""

    name: str  # on the command line: "deepglobe"
    title: str  # in tables: "DeepGlobe"
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    image_size: tuple[int, int]  # (height, width) of every image, or of the paper's
    paper_classes: tuple[int, ...]  # the classes whose mean IoU the paper's column prints; all if it prints none
    unknown_class: int | None = None  # a class that is labelled but not evaluated
    merged_classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # scored as one class too, by name
    evaluation_splits: tuple[str, ...] = ("test", "val")  # the first that has images on disk is scored
    training: TrainingHints = TrainingHints()
    citation: str = ""
    licence: str = ""
    where: str = ""  # where a user gets it
    synthetic: bool = False

    def colourise(self, label: Label) -> Image:
        """A label map in the colours of the palette.

        Args:
            label: uint8 ``[H, W]``, class indices; 255 = ignore.

        Returns:
            RGB uint8 ``[H, W, 3]``. Ignored pixels, and values beyond the palette, are black.
        """
        table = np.zeros((256, 3), np.uint8)
        table[: len(self.palette)] = self.palette
        return table[label]


@dataclass(frozen=True)
class Problem:
    """One fault of a dataset folder: the file, what was found, and what to do about it."""

    file: Path
    message: str
    level: Literal["error", "warning"] = "error"  # warning: files are missing, but those present are sound

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


class Dataset(ABC):
    """A dataset in a folder. The constructor checks that the folder has the layout, not that every file is sound.

    Raises:
        DataError: the folder is missing or has no known layout.
    """

    info: ClassVar[DatasetInfo]
    splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @abstractmethod
    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of the official list of a split, whether their files are on disk or not."""

    def official_count(self, split: str) -> int:
        """How many images the official split has."""
        return len(self.official_ids(split))

    @abstractmethod
    def available_ids(self) -> frozenset[str]:
        """Ids of all labelled images on disk, in any split."""

    @abstractmethod
    def image_path(self, image_id: str) -> Path:
        """The image file of an id."""

    @abstractmethod
    def label_path(self, image_id: str) -> Path:
        """The mask file of an id."""

    @abstractmethod
    def read(self, image_id: str) -> tuple[Image, Label]:
        """Image and label of one id, same height and width.

        Raises:
            DataError: a file is missing, truncated, of another size, or holds a value that is no class.
        """

    def pixels(self, image_id: str) -> tuple[Pixels, Pixels]:
        """Image and label of one id, of which a training crop takes a part: decoded, if not read in windows.

        Raises:
            DataError: as :meth:`read`.
        """
        return self.read(image_id)

    @abstractmethod
    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Every fault of the folder: files, sizes, values, counts, splits. Empty if there is none."""

    def on_disk(self, split: str) -> tuple[str, ...]:
        """Ids of a split whose image and mask are on disk, in the order of the official list.

        Files are not opened; an id that is listed here may still fail in :meth:`read`.

        Raises:
            UnknownNameError: there is no such split.
        """
        available = self.available_ids()
        return tuple(image_id for image_id in self.official_ids(split) if image_id in available)

    def ids(self, split: str) -> tuple[str, ...]:
        """Ids of a split to train on or to score: those on disk. A reader may refuse an incomplete split here."""
        return self.on_disk(split)


def ids_hash(ids: Sequence[str]) -> str:
    """Fingerprint of an id list: sha256 of the ids sorted as strings and joined by newlines, first 16 hex digits."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
