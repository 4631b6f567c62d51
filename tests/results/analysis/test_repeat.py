"""A record beside its repetition: what must be equal, what may differ, and on which machine."""

import pytest

from results.analysis.repeat import findings, other_machine, repetitions
from tests.results.records import accuracy, cost, record

DETERMINISTIC = {"protocol_changes": {"deterministic": True}}


def on(machine, one):
    return one.model_copy(update={"environment": one.environment.model_copy(update={"cpu_model": machine})})


def failing(old, new, **options):
    return [one.what for one in findings(old, new, **options) if not one.holds]


def scored(miou, labels="a", **changes):
    figures = accuracy(miou).model_copy(update={"labels_hash": labels * 64})
    return record("accuracy", "stdc", figures=figures, **changes)


def test_in_deterministic_mode_on_one_kind_of_cpu_accuracy_is_equal_to_the_last_digit():
    old = scored(41.5, **DETERMINISTIC)
    assert failing(old, old) == []
    assert failing(old, scored(41.5000001, **DETERMINISTIC)) == ["miou_paper"]
    assert failing(old, scored(41.5, "b", **DETERMINISTIC)) == ["labels_hash"]


def test_elsewhere_accuracy_may_differ_by_the_stated_points():
    old = scored(41.5, **DETERMINISTIC)
    assert failing(old, on("Other CPU", scored(44.0, "b", **DETERMINISTIC))) == []
    assert failing(old, on("Other CPU", scored(45.0, **DETERMINISTIC))) == ["miou_paper"]
    assert failing(old, on("Other CPU", scored(45.0, **DETERMINISTIC)), points=4.0) == []
    assert failing(scored(41.5), scored(44.0)) == []  # not in deterministic mode
    assert "not in deterministic mode" in findings(scored(41.5), scored(44.0))[0].remark


def timed(median_ms, **figures):
    return record("cost", "stdc", figures=cost(median_ms, **figures))


def test_latency_holds_in_its_interval_and_a_tenth_beyond():
    old = timed(200.0)  # in [190, 210]
    inside, beyond, far = (findings(old, timed(ms)) for ms in (209.0, 225.0, 240.0))
    assert "in its interval of 190 to 210" in {one.remark for one in inside}
    assert any("7.1% beyond its interval" in one.remark for one in beyond)
    assert [one.what for one in far if not one.holds] == ["predict latency (ms)"]
    assert all(one.holds for one in (*inside, *beyond))


def test_speed_and_memory_of_another_machine_are_named_and_not_compared():
    old, new = timed(200.0), on("Other CPU", timed(900.0, host_mib=2000.0))
    assert failing(old, new) == []
    assert {one.remark for one in findings(old, new)} == {"equal", "another machine: cpu_model"}
    assert other_machine(old, old) == ""


def test_memory_and_counts_of_the_same_machine_are_compared():
    assert failing(timed(200.0), timed(200.0, host_mib=700.0)) == ["memory (MiB)"]
    other = record("cost", "stdc", figures=cost(200.0).model_copy(update={"parameters": 5}))
    assert failing(timed(200.0), other) == ["parameters"]


@pytest.mark.parametrize("status", ["oom", "failed"])
def test_another_outcome_does_not_hold(status):
    assert failing(timed(200.0), record("cost", "stdc", status=status, reason="too large")) == ["status"]
    old = record("cost", "stdc", status="oom", reason="too large")
    assert failing(old, old) == []


def test_later_records_of_a_cell_stand_beside_its_first_one():
    first = scored(41.5, created="2026-11-20T10:00:00+00:00")
    near = scored(43.0, created="2026-11-21T10:00:00+00:00", hardware="Other CPU")
    far = scored(60.0, created="2026-11-22T10:00:00+00:00", hardware="Third CPU")
    other_seed = scored(50.0, created="2026-11-22T10:00:00+00:00", seed=1)
    found = repetitions([far, other_seed, near, first])
    assert [(one.first, one.again, one.holds) for one in found] == [(first, near, True), (first, far, False)]


def test_costs_are_repeated_on_the_same_hardware_only():
    first, again = (record("cost", "stdc", created=f"2026-11-2{day}T10:00:00+00:00") for day in (0, 1))
    elsewhere = record("cost", "stdc", created="2026-11-22T10:00:00+00:00", hardware="Other CPU")
    assert [one.again for one in repetitions([first, elsewhere, again])] == [again]
