"""A dataset that lies in a folder in one of several known layouts: finding the files, pairing and reading them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar

from benchmark.data.base import Dataset, Image, Label, Problem, Progress
from benchmark.data.reading import RESTORE, BadFileError, read_rgb, require_same_size, size_text
from benchmark.data.verify import verify_lists, verify_pairs
from benchmark.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class Layout:
    """Where images and masks lie under the root. In each glob pattern the last ``*`` stands for the image's id."""

    name: str
    images: tuple[str, ...]
    labels: tuple[str, ...]
    official: bool = False  # masks are coded as in the release

    def fit(self, root: Path) -> int:
        """How well a folder fits: 2 with images and masks, 1 with images alone, 0 without images."""
        if not _holds(root, self.images):
            return 0
        return 2 if _holds(root, self.labels) else 1


class FolderDataset(Dataset):
    """The reader that all datasets share. Subclasses give ``info``, ``layouts`` and ``read_mask``.

    Raises:
        DataError: the folder is missing, or holds none of the layouts.
    """

    layouts: ClassVar[tuple[Layout, ...]]  # the best fit is read, the first of equals

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.layout = self._find_layout()
        self.image_files = tuple(_scan(self.root, self.layout.images))  # (id, file), sorted
        self.label_files = tuple(_scan(self.root, self.layout.labels))
        self._images = dict(reversed(self.image_files))  # of several files with one id the first is read
        self._labels = dict(reversed(self.label_files))

    @abstractmethod
    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a mask file.

        Raises:
            BadFileError: the file cannot be read whole, or holds a colour or value that is no class.
        """

    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of the list that ships with this package, in its order.

        Raises:
            UnknownNameError: there is no such split.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.info.name}", split, self.splits)
        return packaged_ids(self.info.name, split)

    def available_ids(self) -> frozenset[str]:
        """Ids that have both an image and a mask on disk."""
        return frozenset(self._images.keys() & self._labels.keys())

    def ids(self, split: str) -> tuple[str, ...]:
        """Ids of a split that are on disk, in the order of the official list.

        Raises:
            DataError: one of them has an image without a mask, or a mask without an image.
        """
        unpaired = self.unpaired()
        for image_id in self.official_ids(split):
            if image_id in unpaired:
                raise DataError(str(unpaired[image_id]))
        return super().ids(split)

    def unpaired(self) -> dict[str, Problem]:
        """For each id with only one of the two files on disk, what is missing."""
        official = {image_id for split in self.splits for image_id in self.official_ids(split)}
        problems = {}
        for image_id in sorted(self._images.keys() ^ self._labels.keys()):
            has_image = image_id in self._images
            file = self._images[image_id] if has_image else self._labels[image_id]
            other, patterns = ("mask", self.layout.labels) if has_image else ("image", self.layout.images)
            message = f"no {other} for it ('{_named(patterns, image_id)}'); add the {other} or move this file away"
            problems[image_id] = Problem(file, message, "error" if image_id in official else "warning")
        return problems

    def image_path(self, image_id: str) -> Path:
        """The image file of an id.

        Raises:
            DataError: it is not on disk.
        """
        return self._path(self._images, image_id, "image", self.layout.images)

    def label_path(self, image_id: str) -> Path:
        """The mask file of an id.

        Raises:
            DataError: it is not on disk.
        """
        return self._path(self._labels, image_id, "mask", self.layout.labels)

    def read(self, image_id: str) -> tuple[Image, Label]:
        """Image and label of one id, same height and width.

        Raises:
            DataError: a file is missing, truncated, of another size, or holds a colour outside the palette.
        """
        image_path, label_path = self.image_path(image_id), self.label_path(image_id)
        image, label = read_rgb(image_path), self.read_mask(label_path)
        require_same_size(image, image_path, label, label_path)
        return image, label

    def official_mask(self, label: Label) -> Image | Label:
        """The pixels of a mask file as in the release."""
        return self.info.colourise(label)

    def check_pair(self, image_id: str) -> list[Problem]:
        """What is wrong with the image and the mask of one id; both are read whole."""
        try:
            image, _ = self.read(image_id)
        except BadFileError as error:
            return [Problem(error.file, error.message)]
        if image.shape[:2] == self.info.image_size:
            return []
        expected = "x".join(map(str, self.info.image_size))
        message = f"is {size_text(image)}, the paper's images are {expected}; {RESTORE}"
        return [Problem(self.image_path(image_id), message)]

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Everything that is wrong: files, sizes, colours, counts, split membership. Reads all images."""
        return verify_pairs(self, progress) + verify_lists(self)

    def _path(self, files: Mapping[str, Path], image_id: str, kind: str, patterns: tuple[str, ...]) -> Path:
        if image_id not in files:
            raise DataError(f"{self.root / _named(patterns, image_id)}: no such {kind}; {RESTORE}")
        return files[image_id]

    def _find_layout(self) -> Layout:
        if not self.root.is_dir():
            raise DataError(f"--root {self.root}: no such folder; {self.info.title} is to be had at {self.info.where}")
        best = max(self.layouts, key=lambda layout: layout.fit(self.root))
        if best.fit(self.root):
            return best
        wanted = "' or '".join(layout.images[0] for layout in self.layouts)
        fitting = (child for child in sorted(self.root.iterdir()) if any(layout.fit(child) for layout in self.layouts))
        near = next(fitting, None)
        hint = f"did you mean --root {near}?" if near else f"the data is to be had at {self.info.where}"
        raise DataError(f"--root {self.root}: no {self.info.title} images here ('{wanted}'); {hint}")


@cache
def packaged_ids(dataset: str, split: str) -> tuple[str, ...]:
    """The id list of a split that ships with this package."""
    file = resources.files("benchmark.data") / "splits" / dataset / f"{split}.txt"
    return tuple(file.read_text(encoding="ascii").split())


def _holds(root: Path, patterns: tuple[str, ...]) -> bool:
    return any(next(iter(root.glob(pattern)), None) is not None for pattern in patterns)


def _scan(root: Path, patterns: tuple[str, ...]) -> list[tuple[str, Path]]:
    """All (id, file) that match, sorted by id; files of the system, which begin with a dot, are left out."""
    found = []
    for pattern in patterns:
        suffix = pattern.rsplit("*", 1)[1]
        files = (file for file in root.glob(pattern) if not file.name.startswith("."))
        found += [(file.name.removesuffix(suffix), file) for file in files]
    return sorted(found)


def _named(patterns: tuple[str, ...], image_id: str) -> str:
    folder, suffix = patterns[0].rsplit("*", 1)
    return f"{folder}{image_id}{suffix}"
