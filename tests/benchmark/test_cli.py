"""The command line: quick help without torch, and one clear line with exit status 2 for every bad input."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from benchmark import registry
from benchmark.cli import COMMANDS, main
from tests.benchmark.data.fakes import write_deepglobe
from tests.packages import isdbench, write_slownet

IDS = ("119", "266", "606")
WITHOUT_TORCH = """
import sys
from benchmark.cli import main
try:
    main({words!r})
except SystemExit:
    pass
heavy = {{"torch", "pandas", "matplotlib", "mmseg"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["--help"], ["systems"], ["systems", "--json"], ["datasets"], *([name, "--help"] for name in COMMANDS)],
    ids=" ".join,
)
def test_arguments_are_parsed_and_lists_printed_without_torch(words):
    code = WITHOUT_TORCH.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_systems_lists_every_card(capsys):
    assert main(["systems"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in registry.cards())
    main(["systems", "--json"])
    assert {card["name"] for card in json.loads(capsys.readouterr().out)} == set(registry.cards())


@pytest.fixture
def data(tmp_path):
    return write_deepglobe(tmp_path / "data", IDS) or tmp_path / "data"


def line_of(capsys, *words):
    """The one line that a command with bad input prints."""
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    return line


def run_line(capsys, data, *more):
    return line_of(capsys, "run", "table1", "--dataset", "deepglobe", "--root", data, "--device", "cpu", *more)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["run", "tabel1"], "did you mean 'table1'"),
        (["run", "table1", "--systems", "isdnte"], "did you mean 'isdnet'"),
        (["run", "table1", "--dataset", "deepglob", "--root", "."], "did you mean 'deepglobe'"),
        (["run", "table1", "--profile", "smok"], "did you mean 'smoke'"),
        (["run", "table1", "--dataset", "deepglobe"], "--root is missing"),
        (["run", "table1", "--dataset", "deepglobe", "--root", "nowhere"], "--root nowhere: no such folder"),
        (["run", "table1", "--seeds", "0"], "--seeds"),
        (["measure", "isdnte"], "did you mean 'isdnet'"),
        (["report", "--records", "nowhere"], "--records nowhere: no such folder"),
        (["evaluate", "stdc", "--weights", "x", "--dataset", "deepglobe", "--root", "nowhere"], "no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_line(words, wanted, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert wanted in line_of(capsys, *words)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_one_line(capsys, tmp_path):
    assert f"--root {tmp_path}: no DeepGlobe images here" in run_line(capsys, tmp_path)


def test_an_image_without_mask_is_one_line(capsys, data):
    (data / "land-train" / "119_mask.png").unlink()
    assert "119_sat.jpg: no mask for it" in run_line(capsys, data)


def test_an_empty_split_is_one_line(capsys, data):
    for file in data.glob("land-train/606_*"):
        file.unlink()
    line = run_line(capsys, data)
    assert "no image of split 'test' or 'val' found" in line
    assert "--holdout" in line


def test_another_tables_dataset_is_one_line(capsys, data):
    line = line_of(capsys, "run", "table3", "--dataset", "deepglobe", "--root", data)
    assert "table3 is about cityscapes" in line


def test_an_unwritable_output_is_one_line(capsys, data, tmp_path):
    (tmp_path / "file").write_text("")
    line = run_line(capsys, data, "--out", tmp_path / "file" / "out")
    assert str(tmp_path / "file") in line


@pytest.mark.slow
def test_a_bad_file_ends_the_run_with_one_line(data, tmp_path):
    file = "119_mask.png"
    Image.new("RGB", (64, 64), (128, 70, 200)).save(data / "land-train" / file)
    package = write_slownet(tmp_path / "package")
    words = ("run", "table1", "--profile", "smoke", "--dataset", "deepglobe", "--root", "data", "--systems", "slownet")
    words += ("--only", "accuracy")
    done = isdbench(*words, "--device", "cpu", folder=tmp_path, paths=[package], check=False)
    *_, line = done.stderr.strip().splitlines()  # a slow machine writes lines on its progress before
    assert done.returncode == 2
    assert file in line
    assert "(128, 70, 200)" in line
    assert not list((tmp_path / "out" / "records").glob("*.json"))
