"""A dataset in a folder with one of several known layouts: finding, pairing, reading and checking its files."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar

from benchmark.data.base import Dataset, Image, Label, Problem, Progress
from benchmark.data.layout import Layout, file_name, scan
from benchmark.data.opening import RESTORE, BadFileError
from benchmark.data.reading import read_rgb_of_mask, require_same_size, size_text
from benchmark.errors import DataError, UnknownNameError

__all__ = ["FolderDataset", "Layout", "SplitFolders", "packaged_ids"]

THREADS = 4  # decoding releases the interpreter's lock; each thread holds one image, 75 MB on Inria
IDS_NAMED = 5  # in one message


class FolderDataset(Dataset):
    """The base of all readers. Subclasses give ``info``, ``layouts`` and ``read_mask``.

    Raises:
        DataError: the folder is missing, or has none of the layouts.
    """

    layouts: ClassVar[tuple[Layout, ...]]  # the best fit is read, the first of equals
    one_size: ClassVar[bool] = True  # all images have that of ``info``; False: any size is sound
    lists: ClassVar[tuple[str, ...]] = ()  # further files of the release that the reader needs, under the root

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.layout = self._find_layout()
        self.image_files = tuple(scan(self.root, self.layout.images))  # (id, file), sorted
        self.label_files = tuple(scan(self.root, self.layout.labels))
        self._images = dict(reversed(self.image_files))  # if several files have one id, the first is read
        self._labels = dict(reversed(self.label_files))

    def _find_layout(self) -> Layout:
        if not self.root.is_dir():
            raise DataError(f"--root {self.root}: no such folder; get {self.info.title} from {self.info.where}")
        best = max(self.layouts, key=lambda layout: layout.fit(self.root))
        if best.fit(self.root):
            return best
        wanted = "' or '".join(layout.images[0] for layout in self.layouts)
        fitting = (child for child in sorted(self.root.iterdir()) if any(layout.fit(child) for layout in self.layouts))
        near = next(fitting, None)
        hint = f"did you mean --root {near}?" if near else f"get the data from {self.info.where}"
        raise DataError(f"--root {self.root}: no {self.info.title} images here ('{wanted}'); {hint}")

    @abstractmethod
    def read_mask(self, path: Path) -> Label:
        """Class indices ``[H, W]`` of a mask file.

        Raises:
            BadFileError: the file cannot be read completely, or holds a colour or value that is no class.
        """

    def official_mask(self, label: Label) -> Image | Label:
        """The pixels of a mask file as in the release."""
        return self.info.colourise(label)

    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of the list that ships with this package, in its order.

        Raises:
            UnknownNameError: there is no such split.
        """
        self.require_split(split)
        return packaged_ids(self.info.name, split)

    def require_split(self, split: str) -> None:
        """Check the name of a split.

        Raises:
            UnknownNameError: there is no such split.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.info.name}", split, self.splits)

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
        return self.on_disk(split)

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

    def _path(self, files: Mapping[str, Path], image_id: str, kind: str, patterns: tuple[str, ...]) -> Path:
        if image_id not in files:
            raise DataError(f"{self.root / file_name(patterns, image_id)}: no such {kind}; {RESTORE}")
        return files[image_id]

    def read(self, image_id: str) -> tuple[Image, Label]:
        """Image and label of one id, same height and width.

        Raises:
            DataError: a file is missing, truncated, of another size, or holds a value that is no class.
        """
        image_path, label_path = self.image_path(image_id), self.label_path(image_id)
        label = self.read_mask(label_path)
        image = read_rgb_of_mask(image_path, label.shape)
        require_same_size(image, image_path, label, label_path)
        return image, label

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Every fault of the folder, errors of files before warnings about lists. Reads all images."""
        problems, ids = list(self.unpaired().values()), sorted(self.available_ids())
        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
            for done, found in enumerate(pool.map(self.check_pair, ids), 1):
                problems += found
                if progress:
                    progress(done, len(ids))
        return problems + self._incomplete_splits() + self._copies()

    def unpaired(self) -> dict[str, Problem]:
        """For each id with only one of the two files on disk, what is missing."""
        official = {image_id for split in self.splits for image_id in self.official_ids(split)}
        problems = {}
        for image_id in sorted(self._images.keys() ^ self._labels.keys()):
            has_image = image_id in self._images
            file = self._images[image_id] if has_image else self._labels[image_id]
            other, patterns = ("mask", self.layout.labels) if has_image else ("image", self.layout.images)
            message = f"no {other} for it ('{file_name(patterns, image_id)}'); add the {other} or move this file away"
            problems[image_id] = Problem(file, message, "error" if image_id in official else "warning")
        return problems

    def check_pair(self, image_id: str) -> list[Problem]:
        """The faults of the image and the mask of one id; both are read completely."""
        try:
            image, _ = self.read(image_id)
        except BadFileError as error:
            return [Problem(error.file, error.message)]
        if not self.one_size or image.shape[:2] == self.info.image_size:
            return []
        expected = "x".join(map(str, self.info.image_size))
        message = f"is {size_text(image)}, {self.info.title} images are {expected}; {RESTORE}"
        return [Problem(self.image_path(image_id), message)]

    def _incomplete_splits(self) -> list[Problem]:
        """Warnings about ids that an official list has and the disk has not, and the other way round."""
        problems, unlisted = [], set(self.available_ids())
        for split in self.splits:
            official, there, count = set(self.official_ids(split)), self.on_disk(split), self.official_count(split)
            unlisted -= official
            if len(there) != count:
                missing = official.difference(there)
                names = f" (missing: {_first_few(missing)})" if missing else ""
                message = f"split '{split}' has {len(there)} of {count} images on disk{names}"
                problems.append(Problem(self.root, f"{message}; scores are not those of the full split", "warning"))
        if unlisted:
            message = f"{len(unlisted)} ids in no official list, never used: {_first_few(unlisted)}"
            problems.append(Problem(self.root, message, "warning"))
        return problems

    def _copies(self) -> list[Problem]:
        """Warnings about further files of an id, which are not read."""
        problems = []
        for files, read in ((self.image_files, self._images), (self.label_files, self._labels)):
            for image_id, file in files:
                if read[image_id] != file:
                    message = f"a second file of id '{image_id}'; {read[image_id]} is the one that is read"
                    problems.append(Problem(file, message, "warning"))
        return problems


class SplitFolders(FolderDataset):
    """A dataset whose splits are folders on the way to the files, and have no other list.

    Subclasses also give ``counts``, and ``folders`` where a split's folder is not named after it.
    """

    counts: ClassVar[Mapping[str, int]]  # images that the authors state, by split
    folders: ClassVar[Mapping[str, str]] = {}

    def official_ids(self, split: str) -> tuple[str, ...]:
        """Ids of the files in the split's folder, sorted.

        Raises:
            UnknownNameError: there is no such split.
        """
        self.require_split(split)
        folder, files = self.folders.get(split, split), (*self.image_files, *self.label_files)
        return tuple(sorted({image_id for image_id, file in files if folder in file.relative_to(self.root).parts[:-1]}))

    def official_count(self, split: str) -> int:
        """The count that the dataset's authors state."""
        return self.counts[split]


@cache
def packaged_ids(dataset: str, split: str) -> tuple[str, ...]:
    """The id list of a split that ships with this package, in the file's order.

    Args:
        dataset: name of the dataset, which names the folder of its lists.
        split: one of the dataset's splits; callers check that it is one.
    """
    file = resources.files("benchmark.data") / "splits" / dataset / f"{split}.txt"
    return tuple(file.read_text(encoding="ascii").split())


def _first_few(ids: Iterable[str]) -> str:
    """The first few ids, and how many more there are."""
    names = sorted(ids)
    rest = f" and {len(names) - IDS_NAMED} more" if len(names) > IDS_NAMED else ""
    return ", ".join(names[:IDS_NAMED]) + rest
