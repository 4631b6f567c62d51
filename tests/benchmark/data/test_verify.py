"""The folder report: verdict, lines, JSON."""

import json
from pathlib import Path

from benchmark.data.base import Problem
from benchmark.data.inria import Inria
from benchmark.data.verify import VerifyReport, verify_folder
from tests.benchmark.data import fakes


def report(*problems):
    counts = {"train": 1, "val": 0}
    return VerifyReport(
        dataset="inria", root=Path("there"), on_disk=counts, official={"train": 126, "val": 27}, problems=problems
    )


WARNING = Problem(Path("there"), "split 'val' has 0 of 27 images on disk", "warning")
ERROR = Problem(Path("there/a.tif"), "cannot be read")


def test_sound_folder():
    assert report().ok
    assert report().lines == [
        "inria in there: sound",
        "images with masks on disk / in the official list: train 1/126, val 0/27",
    ]


def test_warnings_leave_the_folder_sound():
    assert report(WARNING).ok
    assert report(WARNING).lines[2] == "warning: there: split 'val' has 0 of 27 images on disk"


def test_errors_come_first():
    found = report(WARNING, ERROR)
    assert not found.ok
    assert found.lines[0] == "inria in there: 1 error"
    assert found.lines[2] == "error: there/a.tif: cannot be read"


def test_json_holds_the_same():
    value = json.loads(json.dumps(report(WARNING, ERROR).as_json()))
    assert value["ok"] is False
    assert value["on_disk"]["train"] == 1
    assert value["official"]["train"] == 126
    assert value["problems"][1] == {"level": "error", "file": "there/a.tif", "message": "cannot be read"}


def test_whole_report_of_a_damaged_folder(tmp_path):
    fakes.write_inria(tmp_path, ["austin2", "austin3"])
    (tmp_path / "train/gt/austin3.tif").unlink()
    lines = verify_folder(Inria(tmp_path)).lines
    assert lines[0] == f"inria in {tmp_path}: 2 errors"  # no mask; and 64x64 is not 5000x5000
    assert lines[1].endswith("train 1/126, val 0/27, test 0/27")
    assert sum("missing: " in line for line in lines) == 3
