"""Folder layouts: where the images and masks of a dataset lie under its root."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Glob patterns of images and masks, relative to the root. The last ``*`` of a pattern is the image's id."""

    name: str
    images: tuple[str, ...]
    labels: tuple[str, ...]
    official: bool = False  # masks are coded as in the release

    def fit(self, root: Path) -> int:
        """How well a folder fits: 2 with images and masks, 1 with images alone, 0 without images.

        One file that matches one of the patterns is enough.
        """
        images, labels = (
            any(next(iter(root.glob(pattern)), None) is not None for pattern in patterns)
            for patterns in (self.images, self.labels)
        )
        return 1 + labels if images else 0


def scan(root: Path, patterns: tuple[str, ...]) -> list[tuple[str, Path]]:
    """All (id, file) that match, sorted by id; hidden files are left out."""
    found = []
    for pattern in patterns:
        suffix = pattern.rsplit("*", 1)[1]
        files = (file for file in root.glob(pattern) if not file.name.startswith("."))
        found += [(file.name.removesuffix(suffix), file) for file in files]
    return sorted(found)


def moved(file: Path, old: tuple[str, ...], new: tuple[str, ...]) -> Path:
    """Where a file (relative to the root) that matches one of the ``old`` patterns belongs under the ``new`` ones.

    Pattern n of the old ones becomes pattern n of the new ones, or the only new one. What the stars matched is kept,
    from the last star backwards.
    """
    for index, pattern in enumerate(old):
        found = re.fullmatch(re.escape(pattern).replace(r"\*", "([^/]*)"), file.as_posix())
        if found:
            path = new[index] if len(new) == len(old) else new[0]
            for value in found.groups()[-path.count("*") :]:
                path = path.replace("*", value, 1)
            return Path(path)
    raise ValueError(f"{file} matches none of {old}")


def file_name(patterns: tuple[str, ...], image_id: str) -> str:
    """Where the file of an id is expected, relative to the root, for messages about missing files.

    Only the last ``*`` of the first pattern is replaced by the id. Other stars stay, as in "*/Sat/ID_sat.jpg": the id
    does not tell which folder is meant.
    """
    folder, suffix = patterns[0].rsplit("*", 1)
    return f"{folder}{image_id}{suffix}"
