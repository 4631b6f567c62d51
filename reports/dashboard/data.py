"""The data of the dashboard as plain JSON: tables, the records behind their cells, sizes, examples, the audit."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reports.paper_check.claims import Finding
from reports.paper_check.plausibility import Speed
from reports.tables.columns import PROBES
from reports.tables.frame import newest, records_frame
from reports.tables.table import Table
from results.record import Record

Json = dict[str, Any]


def table_data(table: Table) -> Json:
    """A table with its cells, the labels of its rows and its details."""
    rows = [{**dataclasses.asdict(row), "label": row.label} for row in table.rows]
    return {**dataclasses.asdict(table), "rows": rows, "details": table.details}


def record_data(tables: Iterable[Table], records: Iterable[Record]) -> dict[str, Json]:
    """The records behind the cells of the tables, by key: the newest of each."""
    wanted = {key for table in tables for row in table.rows for cell in row.cells for key in cell.records}
    ranked = sorted(records, key=lambda record: (record.status == "ok", record.provenance.created))
    chosen = {record.key: record for record in ranked if record.key in wanted}
    return {key: record.model_dump(mode="json", exclude={"accuracy": {"confusion"}}) for key, record in chosen.items()}


def size_data(records: Sequence[Record]) -> list[Json]:
    """Cost at each image size of the systems that were measured at more than one."""
    frame = newest(records_frame(records))
    rows = frame[(frame["kind"] == "cost") & (frame["status"] == "ok")]
    several = rows.groupby("system")[["height", "width"]].transform("nunique").max(axis=1) > 1
    found = []
    for row in rows[several].to_dict("records"):
        memory = next((row[probe] for probe in PROBES if row[probe] == row[probe]), None)  # NaN differs from itself
        found.append(
            {
                "system": row["system"],
                "hardware": row["hardware"],
                "megapixels": row["height"] * row["width"] / 1e6,
                "latency_ms": row["latency_ms"],
                "memory_mib": memory,
            }
        )
    return sorted(found, key=lambda point: (point["system"], point["megapixels"]))


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
        }
        for speed in speeds
    ]
