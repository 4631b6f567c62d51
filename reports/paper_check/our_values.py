"""Our values for the cells that the paper prints, and why some of them cannot test its claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.paper_check.intervals import Bounded
from reports.tables.caption import PAPER_CARD, accuracy_limits, limitations
from reports.tables.columns import CPU_PROBE, measures
from reports.tables.frame import records_frame
from reports.tables.groups import Group, groups
from reports.tables.rows import build_table, is_fed
from reports.tables.table import Cell, SystemFacts
from results.analysis.statistics import FEWEST
from results.paper import DATASETS, TABLE_NAMES, PaperTable, paper_table
from results.paper.claims import CellName
from results.record import Record


@dataclass(frozen=True)
class Measured:
    """Our values for one printed table, from one group of comparable records."""

    table: str
    machine: str
    setting: str  # dataset, image size, profile, machine
    cells: Mapping[CellName, Cell]
    limits: Mapping[str, str]  # by printed column: why ours cannot test a claim; empty where they can

    @property
    def on_the_papers_card(self) -> bool:
        """Whether speed and memory were measured on the paper's card."""
        return PAPER_CARD in self.machine

    def why_not(self, cell: CellName) -> str:
        """Why our value for a cell cannot test a claim; empty where it can."""
        ours = self.cells.get(cell)
        if ours is None or ours.value is None:
            return f"{cell}: {ours.status if ours else 'no system'}"
        if self.limits[cell.column]:
            return f"{cell}: {self.limits[cell.column]}"
        few = cell.column == "miou_paper" and ours.n < FEWEST
        return f"{cell}: n = {ours.n}, an interval takes {FEWEST} seeds" if few else ""

    def value(self, cell: CellName) -> Bounded:
        """Our value for a cell that passes ``why_not``. A memory peak has no interval."""
        ours = self.cells[cell]
        assert ours.value is not None
        bounds = (ours.low, ours.high)
        return Bounded(ours.value, *(ours.value if bound is None else bound for bound in bounds))


def measured(records: Sequence[Record], systems: Sequence[SystemFacts]) -> dict[str, Measured]:
    """For each table that records feed, the group of records closest to what the paper measured."""
    found = groups(records_frame(records)) if records else []
    nearest: dict[str, Measured] = {}
    for name in TABLE_NAMES:
        paper = paper_table(name)
        fitting = [group for group in found if group.fits(paper) and is_fed(paper, group, systems)]
        distances = [sum(map(bool, _limits_of(paper, group).values())) for group in fitting]
        closest = [group for group, distance in zip(fitting, distances, strict=True) if distance == min(distances)]
        if closest:
            nearest[name] = min((_measured(paper, group, systems) for group in closest), key=_blank)
    return nearest


def _blank(ours: Measured) -> int:
    return sum(cell.value is None for cell in ours.cells.values())


def _measured(paper: PaperTable, group: Group, systems: Sequence[SystemFacts]) -> Measured:
    height, width = group.image_size
    return Measured(
        table=paper.name,
        machine=group.hardware,
        setting=f"{group.dataset} {height}x{width}, profile {group.profile}, {group.hardware}",
        cells=dict(_cells(paper, group, systems)),
        limits=_limits_of(paper, group),
    )


def _cells(paper: PaperTable, group: Group, systems: Sequence[SystemFacts]) -> Iterator[tuple[CellName, Cell]]:
    table = build_table(paper, group, systems, paper.name)
    places = [column.name for column in table.columns]
    for row in table.rows:
        for measure in measures(paper, group):
            if row.row and not row.alternative:
                yield CellName(paper.name, row.row, measure.printed), row.cells[places.index(f"{measure.ours}_ours")]


def _limits_of(paper: PaperTable, group: Group) -> dict[str, str]:
    """By printed column, why ours cannot test a claim; empty where they can."""
    return {column: "; ".join(_limits(column, paper, group)) for column in paper.columns}


def _limits(column: str, paper: PaperTable, group: Group) -> Iterator[str]:
    if column == "miou_paper":
        yield from accuracy_limits(paper, group)
        return
    if group.image_size != DATASETS[paper.dataset].image_size:
        yield limitations(group) or "images of another size"
    if not group.cost.empty and group.cost["device"].iloc[0] == "cpu":
        yield f"memory by {CPU_PROBE}, not gpustat" if column == "memory_gpustat_mb" else "measured on a CPU"
