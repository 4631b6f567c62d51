"""Repeating a record: the same cell from its command, or one line that says why not."""

import io
import json
from pathlib import Path

import pytest

from benchmark import registry
from benchmark.commands.progress import Display
from benchmark.commands.requests import cost_options
from benchmark.commands.rerun import rebuilt
from benchmark.errors import UserError
from benchmark.run import plan
from results.cell import METRIC_VERSION
from results.store import Store, read_record
from tests.benchmark.commands.test_requests import options_of, parsed
from tests.benchmark.data.fakes import write_deepglobe
from tests.packages import isdbench, write_slownet
from tests.results.records import record

COMMAND = "isdbench run table1 --profile smoke --only cost --out somewhere"


def made_by(command=COMMAND, **changes):
    """A record of STDC's cost on another machine, as ``command`` makes it."""
    words = ("--profile", "smoke", "--device", "cpu", "--threads", "2", "--systems", "stdc")
    (job,) = plan.plan(plan_table(), options_of("run", *words))
    cell = job.cell.model_copy(update={"hardware": "Test CPU", **changes})
    one = record("cost", "stdc")
    provenance = one.provenance.model_copy(update={"command": command})
    fields = {"cell": cell, "key": cell.key, "protocol_hash": cell.protocol.hash, "provenance": provenance}
    return one.model_copy(update=fields)


def plan_table():
    from results.paper import paper_table

    return paper_table("table1")


def repeated(one, tmp_path):
    return rebuilt(one, None, tmp_path, Display(io.StringIO()))


def test_the_cell_of_a_record_is_planned_again_for_this_machine(tmp_path):
    one = made_by()
    (job,) = repeated(one, tmp_path)
    assert job.cell.model_copy(update={"hardware": "Test CPU"}) == one.cell
    assert job.work.is_relative_to(tmp_path)
    assert job.command == COMMAND


@pytest.mark.parametrize("words", ["run table6 table1 table5", "run --systems stdc,isdnet"])
def test_a_command_of_several_tables_or_of_none_is_narrowed_to_the_cell(words, tmp_path):
    one = made_by(f"isdbench {words} --profile smoke --only cost")
    assert [job.cell.system for job in repeated(one, tmp_path)] == ["stdc"]


@pytest.mark.parametrize("engine", ["torch", "onnx", "openvino"])
def test_a_measurement_is_planned_for_the_engine_of_its_record(engine, tmp_path):
    words = ("--size", "64x96", "--device", "cpu", "--threads", "2", "--engine", engine)
    (job,) = plan.jobs(registry.card("stdc"), "deepglobe", cost_options(parsed("measure", *words), (64, 96)))
    one = made_by(f"isdbench measure stdc {' '.join(words)}").model_copy(update={"cell": job.cell})
    (again,) = repeated(one, tmp_path)
    assert again.cell.protocol.engine == engine


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"card_hash": "0" * 12}, "the system's card is no longer as in the record; install commit 0123456789ab"),
        ({"profile_hash": "0" * 12, "recipe_hash": "1" * 12}, "its recipe, the profile are no longer"),
        ({"command": "isdbench run table1 --no-such-option"}, "cannot repeat its command: unrecognized arguments"),
        ({"command": "isdbench figure figure1"}, "'isdbench figure figure1', cannot be repeated"),
    ],
)
def test_what_cannot_be_rebuilt_says_so(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        repeated(made_by(**changes), tmp_path)


@pytest.mark.slow
def test_committed_records_can_be_repeated_by_this_version(tmp_path):
    files = sorted((Path(__file__).parents[3] / "results" / "records").glob("*.json"))
    records = map(read_record, files)
    ours = [one for one in records if (one.cell.device, one.cell.protocol.metric_version) == ("cpu", METRIC_VERSION)]
    here = [one for one in ours if one.cell.dataset == "synthetic"]  # real images may be absent
    for one in here[::10]:
        assert repeated(one, tmp_path)[-1].cell.system == one.cell.system


@pytest.mark.slow
def test_the_accuracy_of_records_is_repeated_and_judged(tmp_path):
    write_deepglobe(tmp_path / "data", ("119", "266", "606"), size=(256, 256))
    package = {"folder": tmp_path, "paths": [write_slownet(tmp_path / "package")]}
    words = (
        "--dataset",
        "deepglobe",
        "--root",
        "data",
        "--systems",
        "slownet",
        "--device",
        "cpu",
        "--profile",
        "smoke",
    )
    isdbench("run", "table1", *words, "--deterministic", "--only", "accuracy", **package)
    files = {
        read_record(file).cell.system + file.name.partition("-")[0]: file
        for file in Store(tmp_path / "out" / "records").folder.iterdir()
    }
    accuracy, constant = files["slownetaccuracy"], files["constantaccuracy"]
    done = isdbench("rerun", accuracy, constant, "--out", "again", **package)
    assert "2 of 2 records hold" in done.stdout
    assert done.stdout.count("equal") == 10
    content = json.loads(accuracy.read_text())
    content["accuracy"]["miou_paper"] += 0.5
    accuracy.write_text(json.dumps(content))
    done = isdbench("rerun", accuracy, "--out", "again", check=False, **package)
    assert done.returncode == 1
    assert done.stdout.count("DOES NOT HOLD") == 1
    assert "on record" in done.stderr  # --out kept what was measured before
