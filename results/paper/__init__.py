"""The paper's own values: Tables 1 to 7 of ISDNet (CVPR 2022) as printed, and what it says about its datasets.

The CSV files beside this module are copies of the printed tables. Where a table prints check marks instead of method
names (Tables 5 to 7), ``method`` is our wording of the marks, which also have their own columns.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

from results.errors import UnknownNameError

COLUMNS = (
    "miou_paper",
    "fps",
    "memory_gpustat_mb",
)  # percent, images per second, MB (2^20 bytes) as gpustat prints
_LABELS = ("row", "group", "method")


@dataclass(frozen=True)
class Printed:
    """A value as printed. The text is kept because its decimals bound the value before rounding."""

    text: str

    @property
    def value(self) -> float:
        """The printed number."""
        return float(self.text)

    @property
    def half_unit(self) -> float:
        """Half of the last printed place: the value before rounding lies within ``value`` -/+ this."""
        decimals = len(self.text.partition(".")[2])
        return 0.5 * 10.0**-decimals


@dataclass(frozen=True)
class PaperRow:
    """One printed row. ``values`` lacks what the paper leaves blank; ``marks`` holds scales and check marks.

    ``quoted``: the values are another paper's, and no code exists to measure them with: nothing is compared with them.
    """

    row: str
    group: str
    method: str
    values: Mapping[str, Printed]
    marks: Mapping[str, str]
    quoted: bool = False


@dataclass(frozen=True)
class PaperTable:
    """One printed table: ``columns`` are those of ``COLUMNS`` that it prints, in this order."""

    name: str
    number: int
    title: str
    dataset: str
    columns: tuple[str, ...]
    rows: tuple[PaperRow, ...]
    rows_from: str = ""  # of a table of our own: the paper's table whose rows it has, without the printed values

    @property
    def is_printed(self) -> bool:
        """Whether the paper prints this table; our own ones have no values of the paper."""
        return not self.rows_from

    @property
    def is_neutral(self) -> bool:
        """Whether the rows are simply the systems that were measured, without rows of the paper."""
        return self.name.startswith(NEUTRAL)

    @property
    def row_prefix(self) -> str:
        """What cards put before the rows of this table."""
        return self.rows_from or self.name


@dataclass(frozen=True)
class PaperDataset:
    """A dataset of the paper. ``splits`` are the sizes of the official lists, by name."""

    name: str
    title: str
    image_size: tuple[int, int]  # height, width
    miou_paper: str  # what the mIoU column means on it
    splits: Mapping[str, int]
    scene: str = ""  # pattern of the part of an image's id that names its city; images of one city are alike


# DeepGlobe: the text (section 4.1) prints 455 training images, but there are 803 in all and the committed list has 454.
# Inria: the column is called mIoU, but its values agree with the IoU of the building class, not with the class mean.
DATASETS: Mapping[str, PaperDataset] = {
    dataset.name: dataset
    for dataset in (
        PaperDataset(
            "deepglobe",
            "DeepGlobe",
            (2448, 2448),
            "mean IoU of six classes (all but unknown)",
            {"train": 454, "val": 207, "test": 142},
        ),
        PaperDataset(
            "inria",
            "Inria Aerial",
            (5000, 5000),
            "IoU of the building class",
            {"train": 126, "val": 27, "test": 27},
            scene=r"[a-z-]+",
        ),
        PaperDataset(
            "cityscapes",
            "Cityscapes",
            (1024, 2048),
            "mean IoU of 19 classes",
            {"train": 2975, "val": 500, "test": 1525},
            scene=r"[a-z-]+",
        ),
    )
}

_TABLES = {  # name: (title, dataset)
    "table1": ("comparison on DeepGlobe", "deepglobe"),
    "table2": ("comparison on Inria Aerial", "inria"),
    "table3": ("comparison on Cityscapes", "cityscapes"),
    "table4": ("other nets as the deep branch", "cityscapes"),
    "table5": ("deep (D) and shallow (S) branch by input scale", "deepglobe"),
    "table6": ("feature fusion", "deepglobe"),
    "table7": ("losses and high-frequency input", "deepglobe"),
}
TABLE_NAMES = tuple(_TABLES)
NEUTRAL = "comparison-"  # followed by the dataset whose values are compared: a table of whatever was measured on it
OWN_TABLES = {  # of datasets that the paper does not use; their rows are those of Table 1
    "hrf": "artery and vein on fundus photographs of 2336x3504 (HRF)",
    "bracol": "symptoms on coffee leaves of 1024x2048 (BRACOL)",
}
ACCURACY_FROM = {  # what the captions say; of FCtL, footnote 2 says otherwise
    "table1": "the competitors' accuracies are copied from MagNet's paper",
    "table2": "the competitors' accuracies are copied from FCtL's paper",
    "table3": "the accuracies of the other UHR methods are copied from MagNet's paper",
}
_QUOTED = {("table1", "ppn")}  # 12.90 FPS stands in PPN's abstract, and its authors published no code


@functools.cache
def paper_table(name: str) -> PaperTable:
    """The printed table called "table1" ... "table7", or one without printed values.

    Those are ``OWN_TABLES`` and "comparison-DATASET".

    Raises:
        UnknownNameError: there is no such table.
    """
    if name in OWN_TABLES:
        rows = tuple(replace(row, values={}, quoted=False) for row in paper_table("table1").rows)
        return PaperTable(name, 0, OWN_TABLES[name], name, COLUMNS, rows, rows_from="table1")
    if name.startswith(NEUTRAL):
        dataset = name.removeprefix(NEUTRAL)
        return PaperTable(name, 0, dataset, dataset, COLUMNS, (), rows_from=name)
    if name not in _TABLES:
        raise UnknownNameError("table", name, (*TABLE_NAMES, *OWN_TABLES))
    title, dataset = _TABLES[name]
    text = resources.files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    lines = list(csv.DictReader(text.splitlines()))
    columns = tuple(name for name in COLUMNS if name in lines[0])
    return PaperTable(
        name, int(name.removeprefix("table")), title, dataset, columns, tuple(_row(name, line) for line in lines)
    )


def _row(table: str, line: dict[str, str]) -> PaperRow:
    values = {name: Printed(text) for name, text in line.items() if name in COLUMNS and text}
    marks = {name: text for name, text in line.items() if name not in (*COLUMNS, *_LABELS)}
    quoted = (table, line["row"]) in _QUOTED
    return PaperRow(line["row"], line["group"], line["method"], values, marks, quoted)
