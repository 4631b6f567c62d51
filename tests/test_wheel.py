"""The wheel holds all that the commands need, and runs them outside a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.results.records import record

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmark", "baselines", "isdnet", "results", "reports")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a command of the unpacked wheel in an empty folder; its packages come before those of the checkout."""
    place, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place)
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONSAFEPATH": "1"}

    def run(*words):
        called = [sys.executable, *words]
        done = subprocess.run(called, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    assert Path(run("-c", "import benchmark; print(benchmark.__file__)").strip()).is_relative_to(place)
    return run, empty


def test_every_tracked_file_of_the_packages_is_in_it(wheel):
    command = ["git", "ls-files", "-z", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("no git checkout")
    tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    assert tracked <= held
    assert {name.partition("/")[0] for name in held} == set(PACKAGES)


@pytest.mark.parametrize("words", [("systems",), ("datasets",), ("audit",), ("run", "--help"), ("data", "--help")])
def test_commands_run_outside_a_checkout(words, installed):
    run, _ = installed
    assert run("-m", "benchmark", *words)


def test_a_cell_is_measured_and_reported_outside_a_checkout(installed):
    run, empty = installed
    words = ("measure", "stdc", "--size", "64x96", "--profile", "smoke", "--device", "cpu", "--json")
    (made,) = json.loads(run("-m", "benchmark", *words))
    assert made["status"] == "ok"
    assert made["provenance"]["git_commit"] is None
    one = record("cost", "isdnet")
    (empty / "out" / "records" / "cost-isdnet-1-1.json").write_text(one.model_dump_json())
    printed = run("-m", "benchmark", "report", "--no-figures")
    assert "out/dashboard.html" in printed
    assert "Plotly" in (empty / "out" / "dashboard.html").read_text(encoding="utf-8")
