"""The summary of a comparison, and the command that prints it."""

import json

import pytest

from benchmark.cli import main
from reports.writers.comparison import render
from results.analysis.compare import compare
from results.store import Store
from tests.results.records import cost, record


@pytest.fixture
def folders(tmp_path):
    """Two folders: in the second, one system is twice as slow and another is gone."""
    for side, latency, systems in (("base", 200.0, ("isdnet", "stdc")), ("head", 400.0, ("isdnet",))):
        for system in systems:
            Store(tmp_path / side).append(record("cost", system, figures=cost(median_ms=latency)))
    return tmp_path / "base", tmp_path / "head"


def test_the_summary_says_what_got_worse_by_how_much_and_on_what_grounds(folders, tmp_path, capsys):
    summary = tmp_path / "summary.md"
    assert main(["compare", *map(str, folders), "--markdown", str(summary)]) == 1
    text = capsys.readouterr().out
    assert summary.read_text() == text
    assert text.startswith("**Comparison of base and head: fail**")
    (line,) = [line for line in text.splitlines() if "predict" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:5] == ["isdnet 612x612", r"predict\_latency\_ms", "200.0", "400.0", "+100.00 %"]
    assert cells[5:] == [
        "[+80.95, +121.05]",
        "30.0",
        "extremes of 1 record a side, noise floor unknown",
        "**REGRESSION**",
    ]
    assert "- stdc (cost, synthetic, 612x612): in base only, so not compared" in text


def test_the_same_as_json(folders, capsys):
    base, head = map(str, folders)
    assert main(["compare", base, head, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "fail"
    assert main(["compare", base, base, "--noise", base]) == 0


@pytest.mark.parametrize("words", [["nowhere", "nowhere"], ["{base}", "{head}", "--markdown", "{base}"]])
def test_bad_input_is_one_line(folders, capsys, words):
    base, head = map(str, folders)
    assert main(["compare", *(word.format(base=base, head=head) for word in words)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_foreign_names_harm_no_table():
    evil = record("cost", "<script>alert(1)</script>|a & b")
    text = render(compare([evil], [evil]))
    assert "<script>" not in text
    assert len({line.count("|") - line.count(r"\|") for line in text.splitlines() if line.startswith("|")}) == 1
