import json

import pytest

from benchmark.cli import main
from results.paper.claims import claims
from results.store import Store
from tests.results.records import record


def test_the_audit_needs_no_records_and_writes_its_page(tmp_path, capsys):
    assert main(["audit", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "deepglobe-172x" in printed
    assert "inria-172x" not in printed  # it holds
    assert (tmp_path / "audit.md").read_text(encoding="utf-8").startswith("# Audit of the paper's claims")


def test_json_holds_claims_speeds_and_throughputs(tmp_path, capsys):
    Store(tmp_path / "records").append(record("cost", "isdnet"))
    assert main(["audit", "--json", "--records", str(tmp_path / "records")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["claim"]["name"] for item in found["claims"]] == [claim.name for claim in claims()]
    assert {item["verdict"] for item in found["speeds"]} >= {"possible", "possible only at 0.8x"}
    assert "ISDNet" in {item["method"] for item in found["throughputs"]}
    by_name = {item["claim"]["name"]: item for item in found["claims"]}
    assert "synthetic" in by_name["deepglobe-fps"]["records_why"]


def test_a_folder_of_records_that_is_named_must_be_there(tmp_path, capsys):
    assert main(["audit", "--records", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["audit", "--refresh-flops", "nosuchnet"]])
def test_an_unknown_system_is_named(words, capsys):
    assert main(words) == 2
    assert "nosuchnet" in capsys.readouterr().err
