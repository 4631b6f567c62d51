"""``--json``: what a command has found is the only thing on standard output, and it is JSON."""

import json

import pytest

from benchmark import registry
from benchmark.cli import main
from benchmark.commands.requests import cost_options
from benchmark.run import plan
from results.paper import paper_table
from results.store import Store
from tests.benchmark.commands.test_requests import options_of, parsed
from tests.results.records import record

SMALL = ("--size", "64x96", "--device", "cpu", "--threads", "1")


def on_record(job, folder):
    """A record of the job's cell, so that nothing has to be measured."""
    one = record("cost", job.cell.system)
    fields = {"cell": job.cell, "key": job.cell.key, "protocol_hash": job.cell.protocol.hash}
    Store(folder).append(one.model_copy(update=fields))


def printed(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("command", "words"), [("measure", ("stdc", *SMALL)), ("sweep", ("stdc", *SMALL[2:], "--sides", "64"))]
)
def test_the_records_of_costs(command, words, tmp_path, capsys):
    size = (64, 96) if command == "measure" else (64, 64)
    of = "deepglobe" if command == "measure" else ""
    (job,) = plan.jobs(registry.card("stdc"), of, cost_options(parsed("measure", *SMALL), size))
    on_record(job, tmp_path)
    (made,) = printed(capsys, command, *words, "--records", str(tmp_path))
    assert made["key"] == job.cell.key
    assert made["cost"]["samples"][0]["region"] == "predict"


def test_the_records_of_a_run_whose_tables_are_written_all_the_same(tmp_path, capsys):
    words = ("--profile", "smoke", "--device", "cpu", "--threads", "1", "--systems", "stdc")
    (job,) = plan.plan(paper_table("table1"), options_of("run", *words))
    on_record(job, tmp_path / "records")
    (made,) = printed(capsys, "run", "table1", "--only", "cost", *words, "--out", str(tmp_path))
    assert made["key"] == job.cell.key
    assert (tmp_path / "table1.csv").is_file()


def test_a_system_says_how_it_infers(capsys):
    kinds = {one["name"]: one["inference"] for one in printed(capsys, "systems")}
    assert kinds["stdc"] == {"kind": "WholeImage"}
    assert (kinds["unet-local"]["kind"], kinds["unet-local"]["patch"]) == ("SlidingWindow", 512)
