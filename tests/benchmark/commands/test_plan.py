"""``isdbench plan``: what a run would do, without doing it."""

import json

import pytest

from benchmark.cli import main
from results.store import Store
from tests.results.records import record

pytestmark = pytest.mark.slow  # plans import torch


def planned(capsys, out, *words):
    assert main(["plan", "table1", "--profile", "smoke", "--out", str(out), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_lists_the_cells_and_writes_nothing(tmp_path, capsys):
    found = planned(capsys, tmp_path, "--systems", "stdc,isdnet", "--seeds", "2", "--machines", "3")
    assert found["cells"] == 7  # two trainings and a cost for each, and the reference
    assert {(line["system"], line["kind"]) for line in found["plan"]} >= {("stdc", "cost"), ("isdnet", "accuracy")}
    assert found["on_record"] == 0
    assert not list(Store(tmp_path / "records").folder.glob("*.json"))
    assert found["longest_chain_hours"] <= found["hours"] <= found["machine_hours"]
    assert found["machine_hours"] == pytest.approx(sum(line["hours"] for line in found["plan"]))
    assert {line["machine"] for line in found["plan"]} == {0, 1, 2}


def test_a_refiner_waits_for_its_base(tmp_path, capsys):
    words = ("--systems", "cascadepsp", "--only", "accuracy", "--recipe", "short", "--machines", "9")
    found = {line["system"]: line for line in planned(capsys, tmp_path, *words)["plan"]}
    base = found["deeplabv3plus-global"]
    assert found["cascadepsp"]["start_hours"] >= base["start_hours"] + base["hours"] > 0


def test_what_is_on_record_costs_nothing(tmp_path, capsys, monkeypatch):
    words = ("--systems", "stdc", "--only", "cost")
    (line,) = planned(capsys, tmp_path, *words)["plan"]
    assert line["hours"] > 0
    assert line["memory_mib"] > 0
    monkeypatch.setattr(Store, "find", lambda store, key: record("cost", "stdc"))
    found = planned(capsys, tmp_path, *words)
    assert (found["cells"], found["on_record"], found["hours"]) == (1, 1, 0.0)
    assert main(["plan", "table1", "--profile", "smoke", "--out", str(tmp_path), *words]) == 0
    assert "Cells: 1, on record: 1. To do: 0 s of one machine" in capsys.readouterr().out
