"""FLOPs of our systems at the paper's image sizes: ``flops.json``, written by ``isdbench audit --refresh-flops``."""

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
    card: str  # hash of what the count depends on: it reveals a changed card
    dataset: str  # of the paper, whose image and classes these are
    scale: float  # of the sides on which the image enters, 1.0 or 0.8
    height: int  # of the image as it enters
    width: int
    flops: int | None  # 2 x multiply-accumulate of convolutions, matrix products and attention
    estimated_from: str = ""  # size of the smaller image that was run; the count was scaled with the pixels
    reason: str = ""  # why FLOPs were not counted
    work: dict[str, int]  # what the call did: passes, points, padded rows

    @property
    def key(self) -> tuple[str, str, float]:
        """What is counted."""
        return self.system, self.dataset, self.scale


class FlopsFile(Model):
    """All counts, and the version of torch that made them."""

    torch: str
    entries: tuple[Flops, ...]

    def updated(self, newer: FlopsFile) -> FlopsFile:
        """These counts, with all entries of the systems in ``newer`` replaced by its entries."""
        systems = {entry.system for entry in newer.entries}
        fresh = {entry.key: entry for entry in newer.entries}
        kept = [
            fresh.pop(entry.key, entry) for entry in self.entries if entry.key in fresh or entry.system not in systems
        ]
        return FlopsFile(torch=newer.torch, entries=(*kept, *fresh.values()))

    def of(self, system: str, dataset: str, scale: float) -> Flops | None:
        """The count of a system, if there is one."""
        return next((entry for entry in self.entries if entry.key == (system, dataset, scale)), None)


def read_flops(path: Path = FILE) -> FlopsFile:
    """The counts in a file.

    Raises:
        UserError: the file is missing or invalid.
    """
    try:
        return FlopsFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{path}: no readable counts of FLOPs; make them with '{REFRESH}'") from error


def write_flops(counts: FlopsFile, path: Path = FILE) -> None:
    """Write the counts, one entry per line, so that a changed entry is one changed line.

    Raises:
        UserError: the file cannot be written.
    """
    entries = ",\n  ".join(entry.model_dump_json() for entry in counts.entries)
    text = f'{{\n "torch": "{counts.torch}",\n "entries": [\n  {entries}\n ]\n}}\n'
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; use a copy of the repository") from error
