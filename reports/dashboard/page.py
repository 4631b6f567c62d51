"""The dashboard as one HTML file: data, styles, scripts and the plotting library inside, and no request to any host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from plotly.offline import get_plotlyjs

from reports.dashboard.data import audit_data, example_data, record_data, size_data, speed_data, table_data
from reports.paper_check.claims import Finding
from reports.paper_check.plausibility import Speed
from reports.tables.table import Table
from reports.theme import css
from results.analysis.repeat import Repetition
from results.record import Record

_SCRIPTS = ("common.js", "sortable.js", "plots.js", "choice.js", "tables.js", "paper.js", "start.js")


def page(
    tables: Sequence[Table],
    records: Sequence[Record],
    findings: Sequence[Finding],
    speeds: Sequence[Speed],
    repeated: Sequence[Repetition],
    examples: Path,
) -> str:
    """The page; ``examples`` is the folder with pictures for the slider; it may be missing."""
    behind = record_data(tables, records, repeated)
    data = {
        "tables": [table_data(table, behind) for table in tables],
        "first": max(range(len(tables)), key=lambda index: tables[index].standing, default=None),
        "records": behind,
        "sizes": size_data(records),
        "examples": example_data(examples),
        "audit": audit_data(findings),
        "speeds": speed_data(speeds),
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False)
    for character in "<>&":  # text that can neither open nor close an element of the page
        text = text.replace(character, f"\\u{ord(character):04x}")
    parts = {
        "style": css() + _file("style.css"),
        "data": text,
        "plotly": get_plotlyjs(),
        "script": "\n".join(map(_file, _SCRIPTS)),
    }
    return "".join(parts.get(piece, piece) for piece in _file("page.html").split("@"))


def _file(name: str) -> str:
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
