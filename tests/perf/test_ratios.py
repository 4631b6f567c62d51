"""The comparison of the speed suite with its baseline, on ratios made by hand."""

import json

import pytest

from tests.perf import ratios

NOW = {"value": 2.0, "low": 1.9, "high": 2.1}


@pytest.mark.parametrize(
    ("before", "verdict"), [(None, "new"), (2.0, "pass"), (1.41, "pass"), (1.3, "inconclusive"), (1.2, "REGRESSION")]
)
def test_a_regression_is_an_interval_beyond_the_tolerance(before, verdict):
    assert ratios.verdict(NOW, before) == verdict


def test_the_saved_file_is_compared_and_can_become_the_baseline(tmp_path, monkeypatch, capsys):
    saved, baseline = tmp_path / "speed.json", tmp_path / "baseline.json"
    untimed = {"name": "test_b", "extra_info": {}}
    saved.write_text(json.dumps({"benchmarks": [{"name": "test_a", "extra_info": NOW}, untimed]}))
    baseline.write_text('{"test_a": 1.0, "test_gone": 3.0}')
    monkeypatch.setattr(ratios, "BASELINE", baseline)
    assert ratios.main([str(saved)]) == 1
    printed = capsys.readouterr().out
    assert "REGRESSION" in printed
    assert "not run" in printed
    assert ratios.main([str(saved), "--update"]) == 0
    assert json.loads(baseline.read_text()) == {"test_a": 2.0}


def test_every_hot_path_has_a_baseline():
    files = [ratios.BASELINE.with_name(name) for name in ("test_hot_paths.py", "test_forms.py")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    named = {line.partition("(")[0].removeprefix("def ") for line in lines if line.startswith("def test_")}
    kept = json.loads(ratios.BASELINE.read_text(encoding="utf-8"))
    assert {name.partition("[")[0] for name in kept} == named
    assert sum("[" in name for name in kept) == 2  # cases of test_forms.py
