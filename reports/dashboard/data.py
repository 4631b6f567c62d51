"""The data of the dashboard as plain JSON: tables, the records behind their cells, sizes, examples, the audit."""

from __future__ import annotations

import base64
import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.paper_check.claims import Finding
from reports.paper_check.plausibility import Speed
from reports.tables.columns import PROBES
from reports.tables.frame import records_frame, sweeps
from reports.tables.table import Row, Table
from reports.writers.repeats_page import made_by
from results.analysis.repeat import Repetition
from results.record import Record

Json = dict[str, Any]
_CELL = ("text", "spread", "status", "value", "mark", "records")


def table_data(table: Table, records: Mapping[str, Json]) -> Json:
    """A table with its subject and details; its rows with names that differ and percentiles of latency."""
    shown = [field.name for field in dataclasses.fields(table) if field.name not in ("setup", "notes", "rows")]
    rows = [
        {
            "name": name,
            "latency_ms": _percentiles(row, records),
            **{name: getattr(row, name) for name in ("system", "group", "fidelity")},
            "cells": [{name: getattr(cell, name) for name in _CELL} for cell in row.cells],
        }
        for row, name in zip(table.rows, _names(table.rows), strict=True)
    ]
    columns = [dataclasses.asdict(column) for column in table.columns]
    facts = {name: getattr(table, name) for name in shown} | {"columns": columns, "rows": rows}
    return {**facts, "subject": table.title.partition(" – ours")[0], "details": table.details}


def _names(rows: Sequence[Row]) -> list[str]:
    """The rows' labels; where two are the same, with what tells their systems apart: "UNet (local)"."""
    same = Counter(row.label for row in rows)
    ends = Counter((row.label, _end(row)) for row in rows)
    told = [_end(row) if ends[row.label, _end(row)] == 1 else row.system for row in rows]
    return [row.label if same[row.label] == 1 else f"{row.label} ({end})" for row, end in zip(rows, told, strict=True)]


def _end(row: Row) -> str:
    return (row.system or row.row).rpartition("-")[2]


def _percentiles(row: Row, records: Mapping[str, Json]) -> list[float | None]:
    """Median, 90th and 99th percentile of the latency behind a row, in ms; of the whole call where it was timed."""
    costs = [cost for cell in row.cells for key in cell.records if (cost := records.get(key, {}).get("cost"))]
    samples = [one for cost in costs for one in cost["samples"]]
    timed = sorted(samples, key=lambda one: one["region"] != "predict")
    return [timed[0][name] if timed else None for name in ("median_ms", "p90_ms", "p99_ms")]


def record_data(
    tables: Iterable[Table], records: Iterable[Record], repeated: Iterable[Repetition] = ()
) -> dict[str, Json]:
    """The records behind the cells of the tables, by key: the newest of each, and in words who repeated it."""
    wanted = {key for table in tables for row in table.rows for cell in row.cells for key in cell.records}
    ranked = sorted(records, key=lambda record: (record.status == "ok", record.provenance.created))
    chosen = {record.key: record for record in ranked if record.key in wanted}
    said: dict[str, list[str]] = {}
    for one in repeated:
        verdict = "holds" if one.holds else "does not hold"
        for record, other in ((one.first, one.again), (one.again, one.first)):
            said.setdefault(record.key, []).append(f"{made_by(other)}: {verdict}")
    return {
        key: {**record.model_dump(mode="json", exclude={"accuracy": {"confusion"}}), "repeated": said.get(key, [])}
        for key, record in chosen.items()
    }


def size_data(records: Sequence[Record]) -> list[Json]:
    """For each dataset and machine, cost at each image size of the systems that were measured at more than one."""
    found = []
    for rows in sweeps(records_frame(records)):
        done = rows[rows["status"] == "ok"].assign(megapixels=rows["height"] * rows["width"] / 1e6)
        lines = [
            {"system": str(system), "points": [_size_point(row) for row in own.to_dict("records")]}
            for system, own in done.sort_values("megapixels").groupby("system")
            if own["megapixels"].nunique() > 1
        ]
        first = rows.iloc[0]
        setting = f"{first['dataset']}, {first['hardware']}, profile {first['profile']}"
        found += [{"setting": setting, "lines": lines}] if lines else []
    return found


def _size_point(row: Mapping[Hashable, Any]) -> Json:
    memory = next((row[probe] for probe in PROBES if row[probe] > 0), None)  # NaN is not
    return {"megapixels": row["megapixels"], "latency_ms": row["latency_ms"], "memory_mib": memory}


def example_data(folder: Path) -> list[Json]:
    """Pictures for the slider: each folder in ``folder`` is an image, each PNG in it a view of it."""
    found = []
    for image in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        pictures = {path.stem: base64.b64encode(path.read_bytes()).decode() for path in sorted(image.glob("*.png"))}
        views = {name: f"data:image/png;base64,{text}" for name, text in pictures.items()}
        if len(views) > 1:
            found.append({"name": f"{image.parent.name}, {image.name}", "views": views})
    return found


def audit_data(findings: Iterable[Finding]) -> list[Json]:
    """The claims with the rule, the numbers and both verdicts."""
    return [
        {
            "quote": finding.claim.quote,
            "where": finding.claim.where,
            "also": finding.claim.also,
            "reading": finding.claim.reading,
            "rule": finding.rule,
            "source": finding.source,
            "verdict": finding.verdict,
            "recomputed": finding.recomputed,
            "why": finding.why,
            "records": finding.records_verdict,
            "records_recomputed": "; ".join(filter(None, [finding.records_recomputed, finding.records_why])),
        }
        for finding in findings
    ]


def speed_data(speeds: Iterable[Speed]) -> list[Json]:
    """The printed speeds compared with the peak of the card."""
    return [
        {
            "table": speed.table,
            "method": speed.method,
            "system": speed.system,
            "fps": speed.fps.text,
            "gflops": speed.gflops,
            "verdict": speed.verdict,
            "note": "; ".join(filter(None, ["a further reading" * speed.alternative, speed.note])),
        }
        for speed in speeds
    ]
