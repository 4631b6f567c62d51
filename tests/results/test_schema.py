import json
from pathlib import Path

import pytest

from results.record import Record
from results.schema import SCHEMA_FILE, schema_text
from results.store import read_record

HISTORIC = sorted((Path(__file__).parent / "historic").glob("v*.json"))


def test_the_stored_schema_is_that_of_the_code():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m results.schema"


def test_no_field_has_a_bare_name():
    schema = json.loads(schema_text())
    models = [schema, *schema["$defs"].values()]
    names = {name for model in models for name in model.get("properties", {})}
    assert not names & {"miou", "mem", "memory_mb", "time", "latency", "iou_mean"}
    assert {"median_ms", "miou_paper", "peak_allocated_mib"} <= names


@pytest.mark.parametrize("path", HISTORIC, ids=lambda path: path.stem)
def test_old_records_stay_readable(path):
    record = read_record(path)
    assert isinstance(record, Record)
    assert record.schema_version == int(path.stem.split("-")[0].removeprefix("v"))


def test_a_historic_record_keeps_its_values():
    by_name = {path.stem: read_record(path) for path in HISTORIC}
    assert by_name["v1-accuracy"].accuracy.miou_paper == 41.5
    assert by_name["v1-accuracy"].accuracy.confusion[1][1] == 2**40
    assert by_name["v1-cost"].cost.fps == pytest.approx(5.0)
    assert by_name["v1-cost"].cost.memory.peak_allocated_mib.reason == "no CUDA device"
    assert (by_name["v1-oom"].status, by_name["v1-oom"].cost) == ("oom", None)
    assert by_name["v2-accuracy"].accuracy.miou_paper == 60.65400769932166
    assert by_name["v2-accuracy"].accuracy.iterations == 300
    memory = by_name["v2-cost"].cost.memory
    assert (memory.peak_allocated_mib.mib, memory.weights_mib.mib) == (676.61669921875, 65.77589416503906)
    assert memory.host_peak_with_weights_mib.reason == "the weights are on the GPU"
    assert [(one.region, one.median_ms) for one in by_name["v2-cost"].cost.samples] == [("predict", 29.434786999999574)]
