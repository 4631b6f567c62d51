"""The wheel holds all that the commands need, and its `isdbench` runs them outside a checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.results.records import record

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmark", "baselines", "isdnet", "results", "reports")
LARGEST_FILE = 100_000  # bytes
LARGEST_WHEEL = 5_000_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by hatchling itself, so that neither uv nor a network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def commands(wheel, tmp_path_factory):
    """The folder of commands of a fresh environment: the wheel, and the libraries of the running one."""
    place = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    install = ("pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index", wheel)
    subprocess.run([place / "bin" / "python", "-m", *install], check=True)
    (site,) = place.glob("lib/python*/site-packages")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # Folders of a .pth file are searched last. Their own .pth files, such as an editable checkout's, are not read.
    (site / "running.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    return place / "bin"


@pytest.fixture(scope="module")
def run(commands, tmp_path_factory):
    """Runs a command of the fresh environment in an empty folder, and returns what it prints."""
    empty = tmp_path_factory.mktemp("empty")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(name, *words):
        called = [commands / name, *words]
        done = subprocess.run(called, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run.folder = empty
    return run


def test_it_holds_the_files_of_the_packages_and_nothing_else(wheel):
    """Not the tests, nor what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("no git checkout")
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    assert held == {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


def test_it_stays_small_though_it_holds_the_records(wheel):
    """The records are in it: `plan` and the time left of a run are estimated from them."""
    with zipfile.ZipFile(wheel) as file:
        sizes = {one.filename: one.file_size for one in file.infolist() if ".dist-info/" not in one.filename}
    assert [name for name in sizes if name.startswith("results/records/")]
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_no_module_comes_from_the_checkout(run):
    code = f"import {', '.join(PACKAGES)}\nfor one in ({', '.join(PACKAGES)}): print(one.__file__)"
    for file in run("python", "-c", code).splitlines():
        assert not Path(file).is_relative_to(ROOT)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("systems",), "segfix-as-released"),
        (("datasets",), "landcoverai"),
        (("audit",), "paper"),
        (("plan", "table1", "--device", "cpu"), "isdnet"),
        (("run", "--help"), "--profile"),
        (("data", "--help"), "prepare"),
    ],
)
def test_commands_run(words, printed, run):
    assert printed in run("isdbench", *words)


def test_a_cell_is_measured_and_reported(run):
    words = ("measure", "stdc", "--size", "64x96", "--profile", "smoke", "--device", "cpu", "--json")
    (made,) = json.loads(run("isdbench", *words))
    assert made["status"] == "ok"
    assert made["provenance"]["git_commit"] is None
    one = record("cost", "isdnet")
    (run.folder / "out" / "records" / "cost-isdnet-1-1.json").write_text(one.model_dump_json())
    printed = run("isdbench", "report", "--no-figures")
    assert "out/dashboard.html" in printed
    assert "Plotly" in (run.folder / "out" / "dashboard.html").read_text(encoding="utf-8")
