"""Records of version 1, read under the names of version 2."""

import json
from pathlib import Path

import pytest

from reports.tables.frame import records_frame
from results.record import Record
from results.store import RecordError, Store, read_record
from tests.results.records import record

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = sorted((ROOT / "results" / "records").glob("*.json"))
HISTORIC = Path(__file__).parent / "historic"
COST = HISTORIC / "v1-cost.json"


def version_1(path):
    stored = json.loads(path.read_text())
    return stored if stored["schema_version"] == 1 else None


def has(values, stored):
    """Whether ``values`` hold all that is stored; fields that were added since may be more."""
    if isinstance(stored, dict):
        return all(name in values and has(values[name], value) for name, value in stored.items())
    if isinstance(stored, list):
        return len(values) == len(stored) and all(map(has, values, stored))
    return values == stored


def on_a_gpu():
    """A cost record of version 1 from a GPU, all memory values different."""
    stored = version_1(COST)
    stored["cell"]["device"] = "Some GPU"
    stored["environment"] |= {"gpu": "Some GPU", "gpu_memory_mb": 11264}
    stored["cost"]["memory"] = {
        name: {"mib": number}
        for number, name in enumerate(
            (
                "peak_allocated_mb",
                "peak_reserved_mb",
                "process_nvml_mb",
                "device_gpustat_mb",
                "cuda_context_mb",
                "peak_rss_over_idle_mb",
            ),
            start=1,
        )
    }
    return stored


def test_every_committed_record_of_version_1_keeps_its_values():
    old = {path: stored for path in COMMITTED if (stored := version_1(path))}
    assert len(old) >= 127
    for path, stored in old.items():
        found = read_record(path)
        assert (found.schema_version, found.key, found.protocol_hash) == (1, stored["key"], stored["protocol_hash"])
        assert has(found.cell.model_dump(mode="json"), stored["cell"]), path
        if found.accuracy:
            assert has(found.accuracy.model_dump(mode="json"), stored["accuracy"]), path
        if found.cost:
            memory, old_memory = found.cost.memory, stored["cost"]["memory"]
            assert memory.host_peak_with_weights_mib.mib == old_memory["peak_rss_over_idle_mb"]["mib"], path
            assert memory.host_peak_over_idle_mib.mib is memory.weights_mib.mib is None
            assert memory.host_peak_over_idle_mib.reason
            assert memory.weights_mib.reason
            same = ("parameters", "flops", "bytes_moved", "labels_hash", "work", "parts_ms", "ceilings", "samples")
            assert has(found.cost.model_dump(mode="json"), {name: stored["cost"][name] for name in same}), path


def test_what_reports_show_of_a_version_1_record_is_what_it_stores():
    row = records_frame([read_record(COST)]).iloc[0]
    stored = version_1(COST)["cost"]
    assert row["host_peak_with_weights_mib"] == stored["memory"]["peak_rss_over_idle_mb"]["mib"]
    assert row["latency_ms"] == next(one["median_ms"] for one in stored["samples"] if one["region"] == "predict")


def test_on_a_gpu_the_host_peak_of_version_1_had_no_weights_in_it():
    found = Record.model_validate(on_a_gpu())
    assert found.environment.gpu_memory_mib == 11264
    assert [reading.mib for reading in dict(found.cost.memory).values()] == [1, 2, 3, 4, 5, 6, None, None]
    assert found.cost.memory.host_peak_with_weights_mib.reason == "the weights are on the GPU"


def test_forward_of_version_1_is_logits_of_version_2():
    stored = version_1(COST)
    stored["cost"]["samples"] = [stored["cost"]["samples"][0] | {"region": "forward"}]
    stored["cell"]["protocol"]["timed_regions"] = ["forward", "predict"]
    found = Record.model_validate_json(json.dumps(stored))
    assert found.cost.samples[0].region == "logits"
    assert found.cell.protocol.timed_regions == ("logits", "predict")
    assert (found.key, found.protocol_hash) == (stored["key"], stored["protocol_hash"])


def test_forward_of_version_2_stays_forward():
    cost = record("cost", "isdnet").cost
    forward = cost.samples[0].model_copy(update={"region": "forward"})
    made = record("cost", "isdnet", figures=cost.model_copy(update={"samples": (forward,)}))
    assert Record.model_validate_json(made.model_dump_json()) == made


def test_an_upgraded_record_can_be_stored_and_read_again(tmp_path):
    stored = version_1(COST)
    found = read_record(COST)
    path = Store(tmp_path).append(found)
    assert read_record(path) == found
    assert json.loads(path.read_text())["schema_version"] == stored["schema_version"] == 1


@pytest.mark.parametrize(
    ("part", "value", "named"),
    [
        (("cost",), 5, "cost"),
        (("cost", "memory"), [], "cost.memory"),
        (("cost", "samples"), {"region": "forward"}, "cost.samples"),
        (("cost", "samples"), ["forward"], "cost.samples.0"),
        (("cost", "telemetry"), "none", "cost.telemetry"),
        (("environment",), None, "environment"),
        (("cell",), "isdnet", "cell"),
        (("cell", "protocol"), 7, "cell.protocol"),
        (("cell", "protocol", "timed_regions"), [5], "cell.protocol.timed_regions.0"),
        (("schema_version",), "one", "schema_version"),
    ],
)
def test_a_damaged_record_of_version_1_is_named_with_the_field(tmp_path, part, value, named):
    stored = version_1(COST)
    inner = stored
    for name in part[:-1]:
        inner = inner[name]
    inner[part[-1]] = value
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(stored))
    with pytest.raises(RecordError, match=rf"damaged\.json: is not a record: {named}"):
        read_record(path)
    assert len(Store(tmp_path).read().problems) == 1
