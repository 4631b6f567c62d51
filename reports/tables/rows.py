"""The rows of a table: the paper's, in its order, each with the systems that feed it, then added systems."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.tables.caption import (
    caption,
    comparable,
    is_faithful,
    is_untrained,
    setting,
    setup,
    title,
    with_untrained,
)
from reports.tables.columns import Measure, measures, speedup, speedup_columns
from reports.tables.groups import COUNTED, SHARED_RECIPES, Group
from reports.tables.marks import MARKS, marked
from reports.tables.table import REFERENCE, Cell, Row, SystemFacts, Table, counted, plain, significant
from results.cell import ENGINES
from results.paper import PaperRow, PaperTable

ADDED = "Added"
_WITH_SPEEDUP = ("table4", "table5", "table6")  # variants of one net; Table 7 prints no FPS
_ABLATIONS = ("table4", "table5", "table6", "table7")  # variants of one net: nothing is added to them
_LONGEST = 240  # characters of a note
BUSY = 3.0  # load average over the cell's own threads above which other processes disturbed the measurement


def build_table(paper: PaperTable, group: Group, systems: Sequence[SystemFacts], name: str) -> Table:
    """One table from one group of comparable records that feeds it; ``name`` is the stem of its files."""
    references = [system.name for system in _references(group, systems)]
    group = with_untrained(group.only([*_shown(paper, group, systems), *references]))
    compared = tuple(
        replace(measure, comparable=comparable(paper, group, measure.kind)) for measure in measures(paper, group)
    )
    columns = tuple(column for measure in compared for column in measure.columns)
    rows = marked(columns, tuple(_rows(paper, group, systems, compared)))
    legend = [MARKS]
    notes = [textwrap.shorten(plain(note), _LONGEST, placeholder=" ...") for note in _notes(group, systems, compared)]
    if paper.name in _WITH_SPEEDUP:
        fps = [column.name for column in columns].index("fps_printed")
        columns += speedup_columns()
        rows = tuple(_with_speedup(rows, fps))
        legend.append("Speed-up: FPS of the last row in a row's group over the row's own FPS.")
    if not paper.is_printed:
        ours = [index for index, column in enumerate(columns) if column.name.endswith("_ours")]
        columns = tuple(columns[index] for index in ours)
        rows = tuple(replace(row, cells=tuple(row.cells[index] for index in ours)) for row in rows)
    return Table(
        name=name,
        title=plain(title(paper, group)),
        caption=tuple(map(plain, caption(paper, group))),
        columns=columns,
        rows=rows,
        setup=tuple(map(plain, [*setup(paper, group, compared), *legend])),
        notes=tuple(dict.fromkeys(notes)),
        untrained=is_untrained(group),
        faithful=is_faithful(group),
        setting=plain(setting(group)),
    )


def is_fed(paper: PaperTable, group: Group, systems: Sequence[SystemFacts]) -> bool:
    """Whether a group has any record for a table."""
    return bool(_shown(paper, group, systems))


def _shown(paper: PaperTable, group: Group, systems: Sequence[SystemFacts]) -> list[str]:
    """Systems with records that feed a row of a table or are added to it."""
    fed = {system.name for system in systems for row in system.rows if row.partition("/")[0] == paper.row_prefix}
    added = {system.name for system in _added(paper, group, systems)}
    return [name for name in group.systems if name in fed | added]


def _added(paper: PaperTable, group: Group, systems: Sequence[SystemFacts]) -> list[SystemFacts]:
    """Systems with records that feed no row of any table: they appear in every comparison of methods.

    A neutral table has no other rows: all systems with records are added to it.
    """
    if paper.name in _ABLATIONS:
        return []
    known = {system.name: system for system in systems}
    facts = [known.get(name, SystemFacts(name, name, "not stated", 0)) for name in group.systems]
    return [system for system in facts if (paper.is_neutral or not system.rows) and system.fidelity != REFERENCE]


def _references(group: Group, systems: Sequence[SystemFacts]) -> list[SystemFacts]:
    """Systems with records that are no methods: they stand in every table that has an accuracy of a method."""
    return [system for system in systems if system.fidelity == REFERENCE and system.name in group.systems]


def _rows(
    paper: PaperTable, group: Group, systems: Sequence[SystemFacts], compared: Sequence[Measure]
) -> Iterator[Row]:
    for printed in paper.rows:
        feeding = [system for system in systems if f"{paper.row_prefix}/{printed.row}" in system.rows]
        yield _row(printed, printed.group, feeding[0] if feeding else None, group, compared)
        for system in feeding[1:]:
            if system.name in group.systems:
                yield _row(printed, printed.group, system, group, compared, alternative=True)
    for system in _added(paper, group, systems):
        yield _row(None, "Systems" if paper.is_neutral else ADDED, system, group, compared)
    for system in _references(group, systems):
        yield _row(None, REFERENCE.title(), system, group, compared)


def _row(
    printed: PaperRow | None,
    heading: str,
    system: SystemFacts | None,
    group: Group,
    compared: Sequence[Measure],
    *,
    alternative: bool = False,
) -> Row:
    cells: list[Cell] = []
    for measure in compared:
        if system and system.fidelity == REFERENCE and measure.kind == "cost":
            cells += [Cell(status="not printed"), Cell("–", status=REFERENCE), Cell()][: len(measure.columns)]
            continue
        paper_cell, *ours = measure.cells(printed, group.records_of(system.name, measure.kind) if system else None)
        cells += [Cell(status="not printed") if alternative else paper_cell, *ours]
    return Row(
        row=printed.row if printed else "",
        group=heading,
        method=plain(printed.method if printed and not alternative else system.title if system else ""),
        system=plain(system.name) if system else "",
        fidelity=plain(system.fidelity_on(group.paper_dataset)) if system else "",
        cells=tuple(cells),
        alternative=alternative,
        source=plain(system.source) if system else "",
        assumptions=tuple(map(plain, system.assumptions)) if system else (),
        remarked=bool(system and system.remark),
    )


def _with_speedup(rows: Sequence[Row], fps: int) -> Iterator[Row]:
    """The rows with the cells of ``speedup_columns``; ``fps`` is the index of the printed FPS, ours comes next."""
    last = {row.group: row.cells[fps : fps + 2] for row in rows if not row.alternative and row.group != ADDED}
    for row in rows:
        pair = speedup(last[row.group], row.cells[fps : fps + 2]) if row.group in last else (Cell(), Cell())
        yield replace(row, cells=row.cells + pair)


def _notes(group: Group, systems: Sequence[SystemFacts], compared: Sequence[Measure]) -> Iterator[str]:
    """What a reader should know about a system beyond its values."""
    for system in systems:
        if system.remark and system.name in group.systems:
            yield f"* {system.name}: {system.remark}"
    for record in group.rows.to_dict("records"):
        name = record["system"]
        if record["status"] != "ok":
            yield f"{name} ({record['kind']}, seed {record['seed']}): {record['status']}: {record['reason']}"
        elif record["kind"] == "cost":
            yield from (f"{name}: {remark}" for remark in _on_cost(record, compared))
        else:
            if record["recipe"] not in SHARED_RECIPES and record["weights"] != COUNTED:
                yield f"{name}: trained by its own recipe '{record['recipe']}'"
            yield from (f"{name}: {remark}" for remark in _on_scored_work(record, group.records_of(name, "cost")))


def _on_scored_work(record: Mapping[Hashable, Any], cost: pd.DataFrame) -> Iterator[str]:
    """The work on scored images where it depends on the weights: the timed call had random ones."""
    timed = [work for work in cost["work"] if isinstance(work, dict)]  # NaN where the measurement failed
    spans = {kind: (min(counts), max(counts)) for kind, counts in record["scored_work"].items()}
    if spans and any(spans != {kind: (count, count) for kind, count in work.items()} for work in timed if work):
        done = ", ".join(_counted(kind, *span) for kind, span in spans.items())
        yield f"a scored image took {done}; {significant(record['seconds_per_image'])} s"


def _counted(kind: str, least: int, most: int) -> str:
    return f"{least:,} to " * (most > least) + counted(most, kind.replace("_", " "))


def _on_cost(record: Mapping[Hashable, Any], compared: Sequence[Measure]) -> Iterator[str]:
    """What may disturb or explain a latency or a peak."""
    if record["steady"] is False:
        yield f"its latency was still drifting after {int(record['warmup_samples'])} warm-up samples"
    if (record["load_average"] or 0) > BUSY * (record["threads"] or 1):
        yield f"measured on a busy machine (load average {record['load_average']:.0f}): its latency may be too high"
    done = ", ".join(_counted(kind, count, count) for kind, count in record["work"].items())
    if done not in ("", "1 pass"):
        yield f"the timed call did {done}"
    if record["form"]:
        yield f"timed in its fastest form: {record['form']}; {record['labels_kept']:.3f} % of its labels are the same"
    if record["engine"] in ENGINES:
        kept = f"{record['labels_kept']:.3f} % of the labels are torch's"
        yield f"{ENGINES[record['engine']]} ran its exported file; {kept}"
    if record["parts_ms"]:
        parts = ", ".join(f"{name} {significant(spent)}" for name, spent in record["parts_ms"].items())
        yield f"time of each part of the scored call, in ms: {parts}"
    for measure in compared:
        if measure.ours in record["probe_reasons"]:
            yield f"no {measure.ours}: {record['probe_reasons'][measure.ours]}"
