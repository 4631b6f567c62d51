"""FLOPs of our systems at the paper's image sizes: ``flops.json`` beside this module, written by a command of ours.

``isdbench audit --refresh-flops`` counts and writes it; nobody types into it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from results.cell import Model
from results.errors import UserError

FILE = Path(__file__).with_name("flops.json")
REFRESH = "isdbench audit --refresh-flops"


class Flops(Model):
    """FLOPs of one ``predict`` call of a system on one image."""

    system: str
    card: str  # hash of what the count depends on, so that a changed card shows
    dataset: str  # of the paper, whose image and classes these are
    scale: float  # of the sides on which the image enters, 1.0 or 0.8
    height: int  # of the image as it enters
    width: int
    flops: int | None  # 2 x multiply-accumulate of convolutions, matrix products and attention
    estimated_from: str = ""  # size of the smaller image that was run, its count enlarged with the pixels
    reason: str = ""  # why there is no figure
    work: dict[str, int]  # what the call did: passes, points, padded rows

    @property
    def key(self) -> tuple[str, str, float]:
        """What is counted."""
        return self.system, self.dataset, self.scale


class FlopsFile(Model):
    """All counts, and by which torch they were made."""

    torch: str
    entries: tuple[Flops, ...]

    def updated(self, newer: FlopsFile) -> FlopsFile:
        """These counts with all those of the systems in another file replaced by what stands there."""
        systems = {entry.system for entry in newer.entries}
        fresh = {entry.key: entry for entry in newer.entries}
        kept = [
            fresh.pop(entry.key, entry) for entry in self.entries if entry.key in fresh or entry.system not in systems
        ]
        return FlopsFile(torch=newer.torch, entries=(*kept, *fresh.values()))

    def of(self, system: str, dataset: str, scale: float) -> Flops | None:
        """The count of a system, if it has been made."""
        return next((entry for entry in self.entries if entry.key == (system, dataset, scale)), None)


def read_flops(path: Path = FILE) -> FlopsFile:
    """The counts in a file.

    Raises:
        UserError: the file is missing or no such file.
    """
    try:
        return FlopsFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{path}: no readable counts of FLOPs; make them with '{REFRESH}'") from error


def write_flops(counts: FlopsFile, path: Path = FILE) -> None:
    """Write the counts, an entry a line, so that a change of one shows as one line.

    Raises:
        UserError: the file cannot be written.
    """
    entries = ",\n  ".join(entry.model_dump_json() for entry in counts.entries)
    text = f'{{\n "torch": "{counts.torch}",\n "entries": [\n  {entries}\n ]\n}}\n'
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; use a copy of the repository") from error
