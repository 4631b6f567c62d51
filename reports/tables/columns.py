"""The columns of a table: for each quantity that the paper prints, its value, ours and their comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.tables.frame import IOU
from reports.tables.groups import Group
from reports.tables.table import RATIO_LABEL, Cell, Column, significant
from results.analysis.statistics import over_seeds
from results.paper import PaperRow, PaperTable

PROBES = {  # the closest to the paper's gpustat column first
    "device_gpustat_mib": "gpustat",
    "process_nvml_mib": "NVML",
    "peak_reserved_mib": "reserved",
    "host_peak_with_weights_mib": "host",
}
MOST_CLASSES = 8  # with a column each
CPU_PROBE = "host_peak_with_weights_mib"


@dataclass(frozen=True)
class Measure:
    """One quantity that the paper prints and we measure."""

    printed: str  # column of the paper's table
    ours: str  # column of the frame of records
    kind: str  # of the records that it comes from
    head: str
    labels: tuple[str, str]  # of the paper's column, of ours
    is_ratio: bool  # whether the comparison is ours / paper; otherwise ours - paper
    comparable: bool = True  # with the paper's values; otherwise no comparison is printed

    @property
    def columns(self) -> tuple[Column, ...]:
        """The paper's value, ours and, where the two are comparable, the comparison."""
        beside = (
            Column(f"{self.printed}_printed", self.head, self.labels[0]),
            Column(f"{self.ours}_ours", self.head, self.labels[1]),
        )
        kind, label = ("ratio", RATIO_LABEL) if self.is_ratio else ("difference", "ours - paper")
        return (*beside, Column(f"{self.printed}_{kind}", self.head, label)) if self.comparable else beside

    def cells(self, paper: PaperRow | None, rows: pd.DataFrame | None) -> tuple[Cell, ...]:
        """The cells of a row; ``rows`` are its system's records, None where no system feeds the row."""
        printed, quoted = paper.values.get(self.printed) if paper else None, bool(paper and paper.quoted)
        word = "quoted" if quoted else ""
        if printed:
            cell = Cell(printed.text, word, word or "printed", printed.value, paper=printed.value)
        else:
            cell = Cell("–" if paper else "", status="not printed")
        ours = self._ours(rows, cell.paper)
        if not self.comparable:
            return cell, ours
        return cell, ours, Cell(status="quoted") if quoted else self._comparison(ours.value, cell.paper)

    def _ours(self, rows: pd.DataFrame | None, paper: float | None) -> Cell:
        if rows is None:
            return Cell("not yet", status="not yet", paper=paper)
        if rows.empty:
            return Cell("not run", status="not run", paper=paper)
        good = rows[rows["status"] == "ok"]
        if good.empty:
            status = str(rows.iloc[-1]["status"])
            return Cell(status, status=status, records=tuple(rows["key"]), paper=paper)
        if self.kind == "accuracy" and good["untrained"].all():
            return Cell("untrained", status="untrained", records=tuple(good["key"]), paper=paper)
        good = good[good[self.ours].notna()]
        if good.empty:
            return Cell("no value", status="no value", records=tuple(rows["key"]), paper=paper)
        return self._measured(good, paper)

    def _measured(self, good: pd.DataFrame, paper: float | None) -> Cell:
        estimate, deviation = over_seeds([float(value) for value in good[self.ours]])
        value, low, high, n = estimate.value, estimate.low, estimate.high, estimate.n
        spread = "(n = 1)" if self.kind == "accuracy" else ""
        if deviation is not None:
            spread = f"± {self._text(deviation)} (n = {n})"
        elif self.ours == "fps":
            ends = [float(good[name].iloc[0]) for name in ("fps_low", "fps_high")]
            if not any(map(math.isnan, ends)):
                low, high = ends
                spread = f"[{self._text(low)}, {self._text(high)}]"
        keys, protocol = tuple(good["key"]), str(good["protocol_hash"].iloc[0])
        return Cell(self._text(value), spread, "ok", value, low, high, n, keys, protocol, paper)

    def _text(self, value: float) -> str:
        if self.printed == "memory_gpustat_mb":
            return f"{value:.0f}"
        return significant(value) if self.is_ratio else f"{value:.2f}"

    def _comparison(self, ours: float | None, paper: float | None) -> Cell:
        if ours is None or paper is None:
            return Cell()
        value = ours / paper if self.is_ratio else ours - paper
        text = significant(value, 2) if self.is_ratio else f"{value:+.2f}"
        return Cell(text, status="ok", value=value, paper=paper)


def measures(paper: PaperTable, group: Group) -> tuple[Measure, ...]:
    """The measures of a table, in the order in which it prints them."""
    probe = memory_probe(group.cost)
    known = {
        "miou_paper": Measure("miou_paper", "miou_paper", "accuracy", "miou_paper ↑ (%)", ("paper", "ours"), False),
        "fps": Measure("fps", "fps", "cost", "FPS ↑ (1/s)", ("paper", "ours"), True),
        "memory_gpustat_mb": Measure(
            "memory_gpustat_mb", probe, "cost", "Memory ↓ (MiB)", ("paper gpustat", f"ours {PROBES[probe]}"), True
        ),
    }
    found = [known[name] for name in paper.columns]
    if not paper.is_printed:
        at = paper.columns.index("miou_paper") + 1
        found[at:at] = [_iou(name) for name in _ious(group)]
    return tuple(found)


def _ious(group: Group) -> list[str]:
    """The columns of single classes and of the boundary; none where they would be too many to read."""
    known = map(str, group.accuracy)
    names = [name for name in known if name.startswith(IOU) and group.accuracy[name].notna().any()]
    return [*names, "boundary_iou"] if 0 < len(names) <= MOST_CLASSES else []


def _iou(name: str) -> Measure:
    return Measure(name, name, "accuracy", f"{name} ↑ (%)", ("paper", "ours"), False)


def memory_probe(cost: pd.DataFrame) -> str:
    """The probe of a table's memory column: the closest to gpustat that every finished cell has."""
    if cost.empty or cost["device"].iloc[0] == "cpu":
        return CPU_PROBE
    on_gpu = [probe for probe in PROBES if probe != CPU_PROBE]
    done = cost[cost["status"] == "ok"]
    return next((probe for probe in on_gpu if done[probe].notna().all()), on_gpu[0])


def speedup_columns() -> tuple[Column, Column]:
    """How many times faster than a row the last row of its group is, in the paper and in ours."""
    head = "Speed-up (×)"
    return Column("speedup_of_last_row_printed", head, "paper"), Column("speedup_of_last_row_ours", head, "ours")


def speedup(reference: Sequence[Cell], row: Sequence[Cell]) -> tuple[Cell, Cell]:
    """The two cells of ``speedup_columns``, from the (printed, ours) FPS cells of the last row and of this row."""
    cells = [Cell(), Cell()]
    for index, (last, this) in enumerate(zip(reference, row, strict=True)):
        if last.value is not None and this.value is not None:
            value = last.value / this.value
            cells[index] = Cell(significant(value), status="ok", value=value)
    return cells[0], cells[1]
