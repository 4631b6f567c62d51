"""Whether the card can reach the printed speeds: FLOPs of an image times FPS, against the card's float32 peak.

The FLOPs are those of our systems (``results/paper/flops.json``), at the size that the paper states and at 0.8 of its
sides, to which the official speed script reduces the image by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.tables.table import SystemFacts
from results.paper import TABLE_NAMES, PaperRow, PaperTable, Printed, paper_table
from results.paper.flops import Flops, FlopsFile

# GeForce RTX 2080 Ti: 4352 cores with one fused multiply-add per clock; boost 1.635 GHz of NVIDIA's Founders Edition,
# 1.545 GHz of the reference card (NVIDIA Turing white paper). The paper does not say which: the faster one counts.
PEAK_TFLOPS = 2 * 4352 * 1.635e9 / 1e12  # float32: 14.2

Verdict = Literal["possible", "possible only at 0.8x", "exceeds the card's peak", "no count", "quoted"]


@dataclass(frozen=True)
class Speed:
    """One printed speed and one system that feeds its row."""

    table: str
    row: str
    method: str
    fps: Printed
    system: str  # empty where there is none yet
    alternative: bool  # a further reading of the row, not our main one
    gflops: float | None  # 1e9 FLOPs of one image at the stated size
    gflops_reduced: float | None  # at 0.8 of its sides
    note: str = ""  # how FLOPs were estimated, or why they were not counted
    quoted: bool = False  # the speed is another paper's, from another card

    @property
    def tflops_per_second(self) -> float | None:
        """Throughput that the printed speed implies at the stated size."""
        return None if self.gflops is None else self.gflops * self.fps.value / 1e3

    @property
    def tflops_per_second_reduced(self) -> float | None:
        """The same at 0.8 of the sides."""
        return None if self.gflops_reduced is None else self.gflops_reduced * self.fps.value / 1e3

    @property
    def verdict(self) -> Verdict:
        """Whether the card can do that, given the slowest speed that rounds to the printed one."""
        slowest = self.fps.value - self.fps.half_unit
        if self.quoted:
            return "quoted"
        if self.gflops is None or self.gflops_reduced is None:
            return "no count"
        if self.gflops * slowest / 1e3 <= PEAK_TFLOPS:
            return "possible"
        reduced = self.gflops_reduced * slowest / 1e3 <= PEAK_TFLOPS
        return "possible only at 0.8x" if reduced else "exceeds the card's peak"


def speeds(systems: Sequence[SystemFacts], counts: FlopsFile) -> tuple[Speed, ...]:
    """Every speed that Tables 1 to 6 print, in order; a row with several systems has an entry for each."""
    return tuple(
        speed
        for table in map(paper_table, TABLE_NAMES)
        for row in table.rows
        if "fps" in row.values
        for speed in _of_row(table, row, systems, counts)
    )


def _note(count: Flops) -> str:
    """How FLOPs were estimated, or why they were not counted; empty where they were counted from shapes alone."""
    if not count.estimated_from:
        return count.reason
    work = ", ".join(f"{name} {times}" for name, times in count.work.items())
    return f"estimated on a synthetic image of {count.estimated_from} with random weights ({work})"


def _of_row(table: PaperTable, row: PaperRow, systems: Sequence[SystemFacts], counts: FlopsFile) -> Iterator[Speed]:
    feeding = [system.name for system in systems if f"{table.name}/{row.row}" in system.rows]
    for index, name in enumerate(feeding or [""]):
        full, reduced = (counts.of(name, table.dataset, scale) for scale in (1.0, 0.8))
        gflops, gflops_reduced = (count.flops / 1e9 if count and count.flops else None for count in (full, reduced))
        note = _note(full) if full else "not counted yet" if name else "no system feeds this row yet"
        counted = (gflops, gflops_reduced, note, row.quoted)
        yield Speed(table.name, row.row, row.method, row.values["fps"], name, index > 0, *counted)
