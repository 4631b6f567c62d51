import math

import pytest

from reports.tables.frame import COLUMNS, newest, records_frame
from tests.results.records import GPU, cost, record


def test_one_row_per_record_with_named_figures():
    frame = records_frame([record("accuracy", "isdnet"), record("cost", "isdnet", figures=cost(median_ms=40.0))])
    assert list(frame.columns)[: len(COLUMNS)] == list(COLUMNS)
    assert all(name.startswith("iou_") for name in frame.columns[len(COLUMNS) :])
    accuracy_row, cost_row = frame.to_dict("records")
    assert (accuracy_row["miou_paper"], accuracy_row["images"], accuracy_row["weights"]) == (41.5, 4, "random")
    assert math.isnan(accuracy_row["fps"])
    assert cost_row["fps"] == pytest.approx(25.0)
    assert cost_row["fps_low"] < 25.0 < cost_row["fps_high"]
    assert cost_row["host_peak_with_weights_mib"] == 512.0
    assert math.isnan(cost_row["peak_allocated_mib"])
    assert cost_row["probe_reasons"]["peak_allocated_mib"] == "no CUDA device"


def test_hardware_is_the_processor_or_the_gpu():
    frame = records_frame([record("cost", "isdnet"), record("cost", "isdnet", device=GPU)])
    assert list(frame["hardware"]) == ["Test CPU", GPU]


def test_an_empty_frame_has_the_columns():
    assert list(records_frame([]).columns) == list(COLUMNS)


def test_the_newest_state_of_a_system_counts_and_not_the_mean_of_all():
    def made(hour, card, status="ok"):
        changes = {"status": status, "card_hash": card * 12}
        return record("accuracy", "isdnet", created=f"2026-11-22T{hour}:00:00+00:00", **changes)

    frame = newest(records_frame([made(10, "a"), made(12, "b"), made(11, "a")]))
    assert list(frame["created"].str[11:13]) == ["12"]
    frame = newest(records_frame([made(10, "a"), made(11, "b", "failed")]))
    assert list(frame["status"]) == ["failed"]


def test_the_newest_record_of_a_cell_counts_and_ok_beats_failed():
    def made(hour, status="ok", **changes):
        return record("cost", "isdnet", status=status, created=f"2026-11-22T{hour}:00:00+00:00", **changes)

    frame = newest(records_frame([made(11), made(12), made(10), made(13, "failed"), made(14, "oom", seed=1)]))
    assert sorted(zip(frame["seed"], frame["status"], frame["created"].str[11:13], strict=True)) == [
        (0, "ok", "12"),
        (1, "oom", "14"),
    ]
