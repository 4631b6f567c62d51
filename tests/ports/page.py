"""The measured part of docs/verified-ports.md: ``python -m tests.ports.page MEASURED.jsonl docs/verified-ports.md``.

``nox -s ports`` makes the first file and renews the second.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.ports.conftest import LABELS, LOGITS

BLOCK = re.compile(r"<!-- measured -->\n.*?<!-- end -->", re.DOTALL)
HEAD = "| system | compared | largest difference / largest value | equal labels |\n| --- | --- | --- | --- |\n"


def table(lines: Iterable[dict[str, str | float | None]]) -> str:
    """A row for each system and place, with its worst values."""
    rows: dict[tuple[object, object], dict[str, list[float]]] = {}
    for line in lines:
        row = rows.setdefault((line["system"], line["place"]), {"relative": [], "labels": []})
        for name, values in row.items():
            value = line[name]
            if isinstance(value, float):
                values.append(value)
    text = HEAD
    for (system, place), row in sorted(rows.items(), key=str):
        worst = f"{max(row['relative']):.1e}" if row["relative"] else "–"
        labels = f"{100 * min(row['labels']):.3f} %" if row["labels"] else "–"
        text += f"| `{system}` | {place} | {worst} | {labels} |\n"
    return text


def renewed(page: str, measured: str) -> str:
    """The page with its block replaced by what was measured."""
    rule = f"Tolerances of the tests: {LOGITS:.0e} of the largest value, {100 * LABELS:.1f} % of the labels."
    return BLOCK.sub(lambda _: f"<!-- measured -->\n{table_of(measured)}\n{rule}\n<!-- end -->", page)


def table_of(measured: str) -> str:
    """The table of a file of JSON lines."""
    return table(json.loads(line) for line in measured.splitlines())


def main(words: list[str]) -> None:
    """Renew the page."""
    measured, page = map(Path, words)
    page.write_text(renewed(page.read_text(encoding="utf-8"), measured.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
