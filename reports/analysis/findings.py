"""What the records say and the paper does not: sentences whose numbers are computed, each with its source.

A finding appears once there are records for it: costs at the paper's own image sizes, accuracies of trained nets.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.analysis.agreement import Agreement, agreements
from reports.analysis.elsewhere import learned_nothing, orders, own_tables
from reports.analysis.longer import longer
from reports.analysis.repeats import held, moved
from reports.paper_check.our_values import Measured, measured
from reports.paper_check.plausibility import PEAK_TFLOPS, speeds
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts, Table, counted, significant
from results.analysis.repeat import POINTS
from results.paper import DATASETS, OWN_TABLES, TABLE_NAMES, paper_table
from results.paper.claims import CellName
from results.paper.flops import read_flops
from results.record import Record

COST_TABLES = ("table1", "table2", "table3")  # that compare ISDNet with rivals
ELSEWHERE = "order by mIoU after one short training each, against the paper's on DeepGlobe"
LARGEST = 5  # ratios shown of each table


@dataclass(frozen=True)
class Finding:
    """A sentence, the numbers behind it, and where they are from."""

    sentence: str
    numbers: tuple[str, ...]
    source: str


def findings(records: Sequence[Record], systems: Sequence[SystemFacts]) -> tuple[Finding, ...]:
    """All findings that the records allow, costs first."""
    ours = measured(records, systems)
    at_true_size = {name: ours[name] for name in COST_TABLES if name in ours and _at_true_size(name, ours[name])}
    tables = build_tables(records, systems, (*TABLE_NAMES, *OWN_TABLES)) if records else []
    found = agreements([table for table in tables if not table.untrained])
    return tuple(
        finding
        for part in (
            *(_order(values, systems) for values in at_true_size.values()),
            *(_ratios(values, systems) for values in at_true_size.values()),
            _memories(records),
            _beyond_the_card(systems),
            *(_rank(one, one.column, f"agreement.md, {one.table}") for one in found),
            *(_rank(one, ELSEWHERE, f"{one.table} and the paper's Table 1, miou_paper") for one in orders(tables)),
            *(_learned_nothing(table) for table in own_tables(tables)),
            _longer(records),
            _moved(records),
        )
        for finding in part
    )


def _at_true_size(name: str, values: Measured) -> bool:
    paper = DATASETS[paper_table(name).dataset]
    return values.setting.startswith(f"{paper_table(name).dataset} {paper.image_size[0]}x{paper.image_size[1]},")


@dataclass(frozen=True)
class _Speed:
    """A row's printed FPS and ours."""

    method: str
    printed: float
    ours: float

    def shift(self, isdnet: _Speed) -> float:
        """By which factor, 1 or more, its distance to ISDNet differs from the printed one."""
        ratio = (isdnet.ours / self.ours) / (isdnet.printed / self.printed)
        return max(ratio, 1 / ratio)


def _speeds(values: Measured, systems: Sequence[SystemFacts]) -> tuple[_Speed | None, list[_Speed]]:
    """ISDNet, and the rivals that have both values; an asterisk marks a row that the table has a note on."""
    noted = {row for system in systems if system.remark for row in system.rows}
    found = {}
    for row in paper_table(values.table).rows:
        cell = values.cells.get(CellName(values.table, row.row, "fps"))
        if "fps" in row.values and not row.quoted and cell is not None and cell.value is not None:
            star = "*" * (f"{values.table}/{row.row}" in noted)
            method = f"{row.method} ({row.group.split()[0].lower()}){star}"
            found[row.row] = _Speed(method, row.values["fps"].value, cell.value)
    return found.pop("isdnet", None), list(found.values())


def _source(values: Measured, rivals: Sequence[_Speed]) -> str:
    note = "; * the table has a note on it" if any(rival.method.endswith("*") for rival in rivals) else ""
    return f"{values.table}, FPS; ours: {values.setting}{note}"


def _order(values: Measured, systems: Sequence[SystemFacts]) -> Iterator[Finding]:
    """Which rivals are faster than ISDNet, in print and in ours."""
    isdnet, rivals = _speeds(values, systems)
    if isdnet is None or len(rivals) < 2:
        return
    before = sum(rival.printed > isdnet.printed for rival in rivals)
    faster = [rival for rival in rivals if rival.ours > isdnet.ours]
    yield Finding(
        f"Of {len(rivals)} rivals of ISDNet, {before} {'is' if before == 1 else 'are'} faster in print and"
        f" {len(faster)} {'is' if len(faster) == 1 else 'are'} under one protocol on {values.machine}.",
        tuple(f"{entry.method}: {significant(entry.ours)} FPS" for entry in (isdnet, *faster)),
        _source(values, faster),
    )


def _ratios(values: Measured, systems: Sequence[SystemFacts]) -> Iterator[Finding]:
    """By which factor ISDNet is faster than each rival, in print and in ours."""
    isdnet, rivals = _speeds(values, systems)
    if isdnet is None or len(rivals) < 2:
        return
    smaller = sum(isdnet.ours / rival.ours < isdnet.printed / rival.printed for rival in rivals)
    shown = sorted(rivals, key=lambda rival: -rival.shift(isdnet))[:LARGEST]
    yield Finding(
        f"ISDNet's lead in speed is smaller than printed against {smaller} of {counted(len(rivals), 'rivals')}"
        f" on {values.machine}; these ratios of FPS differ most.",
        tuple(
            f"ISDNet : {rival.method}: {significant(isdnet.printed / rival.printed)} in print,"
            f" {significant(isdnet.ours / rival.ours)} in ours"
            for rival in shown
        ),
        _source(values, shown),
    )


def _memories(records: Sequence[Record]) -> Iterator[Finding]:
    """How far apart two readings of the same call are: torch's allocator and the tool that the paper used."""
    ratios: dict[str, float] = {}
    for record in records:
        if record.cost and record.cell.device != "cpu":
            memory = record.cost.memory
            torch_mib, gpustat_mib = memory.peak_allocated_mib.mib, memory.device_gpustat_mib.mib
            if torch_mib and gpustat_mib:
                ratios[record.cell.system] = gpustat_mib / torch_mib
    if len(ratios) < 3:
        return
    low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    yield Finding(
        "One call has several peaks of memory: what gpustat prints for the card is"
        f" {significant(statistics.median(ratios.values()))} times what torch allocates, in the median of"
        f" {counted(len(ratios), 'systems')}.",
        tuple(f"{name}: {significant(ratios[name])} times" for name in (low, high)),
        "cost records on a GPU: device_gpustat_mib / peak_allocated_mib",
    )


def _beyond_the_card(systems: Sequence[SystemFacts]) -> Iterator[Finding]:
    """Printed speeds that need more operations per second than the paper's card has."""
    printed = speeds(systems, read_flops())
    main = [speed for speed in printed if not speed.alternative and not speed.quoted]
    counts: Mapping[str, int] = Counter(speed.verdict for speed in main)
    beyond = [speed for speed in main if speed.verdict == "exceeds the card's peak"]
    if not beyond:
        return
    yield Finding(
        f"{len(beyond)} of {counted(len(main), 'printed speeds')} would need more than the peak of the paper's card"
        f" ({significant(PEAK_TFLOPS)} TFLOP/s) at the stated size and at 0.8 of it;"
        f" {counts['possible only at 0.8x']} more are possible only at 0.8.",
        tuple(
            f"{speed.table}, {speed.method}: {significant(speed.tflops_per_second)} TFLOP/s"
            for speed in beyond
            if speed.tflops_per_second is not None
        ),
        "audit.md: printed FPS times our count of FLOPs (results/paper/flops.json)",
    )


def _rank(agreement: Agreement, subject: str, source: str) -> Iterator[Finding]:
    """Whether ours has the paper's order; only where that can be told."""
    if agreement.verdict == "too few rows to tell":
        return
    yield Finding(
        f"{agreement.title}, {subject}: {agreement.verdict}.",
        (f"Kendall's tau {agreement.kendall_tau:.2f} over {agreement.n} rows (p = {agreement.chance:.2g})",),
        source,
    )


def _learned_nothing(table: Table) -> Iterator[Finding]:
    """Which nets are no better than naming one class everywhere."""
    found = learned_nothing(table)
    if not found or not found[1]:
        return
    reference, nets, scored = found
    yield Finding(
        f"{table.title}: after a short training {len(nets)} of {counted(scored, 'nets')} score no more than the most"
        " frequent class.",
        (f"most frequent class: {reference:.2f}", f"not above it: {', '.join(nets)}"),
        f"{table.name}, miou_paper; within half a percentage point",
    )


def _longer(records: Sequence[Record]) -> Iterator[Finding]:
    """What more iterations do, for each dataset on which more than one system was trained longer."""
    found = longer(records)
    for dataset in dict.fromkeys(one.dataset for one in found):
        nets = [one for one in found if one.dataset == dataset]
        if len(nets) < 2:
            continue
        gains = [one.miou_paper[1] - one.miou_paper[0] for one in nets]
        machine = "; the longer ones on another machine" if any(one.other_machine for one in nets) else ""
        yield Finding(
            f"Longer training on {dataset}, one seed, moves {len(nets)} nets by"
            f" {min(gains):+.2f} to {max(gains):+.2f} points of miou_paper.",
            tuple(
                f"{one.system}: {one.miou_paper[0]:.2f} after {one.iterations[0]} iterations,"
                f" {one.miou_paper[1]:.2f} after {one.iterations[1]}"
                for one in nets
            ),
            f"accuracy records that differ in --iterations alone{machine}",
        )


def _moved(records: Sequence[Record]) -> Iterator[Finding]:
    """How far an accuracy moves when other hardware trains the same cell with the same seed."""
    found = moved(records)
    if len(found) < 3:
        return
    machines = sorted({one.again.cell.hardware for one, _ in found})
    yield Finding(
        f"Trained again with the same seed on {' or '.join(machines)}, {held(found)} of {len(found)} short trainings"
        f" come within {POINTS:g} points of miou_paper of what the first machine gave; these moved most.",
        tuple(
            f"{one.first.cell.system} on {one.first.cell.dataset}:"
            f" {one.first.accuracy.miou_paper:.2f}, then {one.again.accuracy.miou_paper:.2f}"
            for one, _ in found[:LARGEST]
            if one.first.accuracy and one.again.accuracy
        ),
        "repeats.md; the same code, data and settings, other rounding",
    )
