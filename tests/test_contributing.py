"""The recipes of CONTRIBUTING.md, followed word for word in a temporary folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).parents[1]
BLOCK = re.compile(r"<!-- (file|add to|run)(?:: (.*?))? -->\n```\w*\n(.*?)```", re.DOTALL)


def recipe(heading):
    """The marked blocks under a heading: (what, target, text)."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [(match[1], match[2], match[3]) for match in BLOCK.finditer(section)]


def write_files(blocks, folder):
    for what, target, text in blocks:
        if what == "file":
            (folder / target).write_text(text, encoding="utf-8")
        elif what == "add to":
            file, mapping = target.split(", in ")
            path = folder / file
            start = re.compile(rf"^{mapping}[^\n]*\{{[^\n]*\n", re.MULTILINE)
            path.write_text(
                start.sub(lambda found, text=text: found[0] + text, path.read_text(encoding="utf-8")), encoding="utf-8"
            )


def install(folder):
    """What an installer does for a pure-Python package in ``folder``: say which entry points it has."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    groups = ((group, points.items()) for group, points in project["entry-points"].items())
    lines = (f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points) for group, points in groups)
    (info / "entry_points.txt").write_text("".join(lines), encoding="utf-8")


def run(blocks, folder, *paths):
    """The commands of a recipe, run in ``folder``; returns what they printed."""
    path = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    printed = ""
    for command in next(text for what, _, text in blocks if what == "run").splitlines():
        ours = command.removeprefix("isdbench ")
        words = ["sh", "-c", command] if ours == command else [sys.executable, "-m", "benchmark", *ours.split()]
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    return printed


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The folder in which all recipes are followed, one after the other."""
    return tmp_path_factory.mktemp("contributor")


@pytest.fixture(scope="module")
def system(work):
    package = work / "tinynet"
    package.mkdir()
    blocks = recipe("Add a system")
    write_files(blocks, package)
    install(package)
    return package, run(blocks, work, package)


@pytest.mark.slow
def test_a_system_of_another_package_is_in_the_table(system, work):
    assert "TinyNet" in system[1]
    table = (work / "out" / "table1.md").read_text(encoding="utf-8")
    row = next(line for line in table.splitlines() if "TinyNet" in line)
    assert "not run" not in row
    assert "failed" not in row


@pytest.fixture(scope="module")
def dataset(system, work):
    """What the recipe for a dataset printed; its records are in the work folder, whichever test asked for them."""
    package = work / "twofields"
    package.mkdir()
    blocks = recipe("Add a dataset")
    write_files(blocks, package)
    install(package)
    write_fields(work / "data")
    return run(blocks, work, package, system[0])


@pytest.mark.slow
def test_a_dataset_of_another_package_is_checked_and_run(dataset, work):
    assert "twofields" in dataset
    assert "sound" in dataset
    assert any("twofields" in path.read_text(encoding="utf-8") for path in (work / "out").glob("table1*.md"))


@pytest.mark.slow
def test_a_table_is_a_csv_and_a_line(system, dataset, work):
    copy = work / "checkout"
    for package in ("benchmark", "baselines", "isdnet", "results", "reports"):
        shutil.copytree(REPOSITORY / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "records"))
    shutil.copytree(work / "out" / "records", copy / "out" / "records")
    blocks = recipe("Add a table")
    write_files(blocks, copy)
    run(blocks, copy, copy, system[0])
    tables = list(copy.glob("out/table8*.md"))  # one for the synthetic dataset, one for TwoFields
    assert len(tables) == 2
    for table in tables:
        assert {"STDC", "UNet", "TinyNet"} <= set(re.findall(r"\w+", table.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_results_are_checked_and_added(system, work):
    records = work / "results" / "records"
    records.mkdir(parents=True)
    for file in sorted((REPOSITORY / "results" / "records").glob("cost-stdc-*.json")):
        shutil.copy(file, records)
    printed = run(recipe("Submit results"), work, system[0])
    added = list(records.glob("cost-tinynet-*.json"))  # the recipes before left theirs in out/records as well
    assert added
    assert work.name not in printed
    for file in added:
        assert re.search(rf"{file.name}: (ok|to be looked at)", printed)


def write_fields(root):
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("test", 1)):
        (root / split).mkdir(parents=True)
        for index in range(count):
            mask = np.zeros((256, 256), np.uint8)
            mask[40 + 20 * index : 200, 60:220] = 255
            image = random.integers(0, 60, (256, 256, 3), dtype=np.uint8) + (mask[..., None] // 2)
            Image.fromarray(image).save(root / split / f"{split}{index}_image.png")
            Image.fromarray(mask).save(root / split / f"{split}{index}_mask.png")
