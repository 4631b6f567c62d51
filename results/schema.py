"""The JSON schema of a record, for readers in other languages: ``python -m results.schema`` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from results.record import Record

SCHEMA_FILE = Path(__file__).with_name("record.schema.json")


def schema_text() -> str:
    """The JSON schema of ``results.record.Record``, as stored in ``SCHEMA_FILE``."""
    return json.dumps(Record.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
