"""A package written against version 0.1 of the plug-in API still loads, runs and appears in the table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages import declare, environment, isdbench
from tests.test_contributing import write_fields

PACKAGE = Path(__file__).parent / "fixtures" / "plugin_v0"
BUILT = """
import torch
from benchmark import registry
card = registry.card("tinynet")
system = registry.build(card.at(0.25), 7).eval()
labels = system.predict(torch.rand(1, 3, 64, 48))
print(sum(p.numel() for p in system.parameters()), tuple(labels.shape), labels.dtype)
print(sorted(system.loss(torch.rand(1, 3, 64, 48), torch.zeros(1, 64, 48, dtype=torch.long))))
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """What is on the path once the package is installed."""
    installed = tmp_path_factory.mktemp("installed")
    points = {"isdbench.systems": {"tinynet": "tinynet"}, "isdbench.datasets": {"twofields": "twofields"}}
    declare(installed, "plugin_v0", points)
    return PACKAGE, installed


def test_its_system_is_built_from_its_card(paths, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BUILT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment(*paths),
    )
    assert done.stdout.splitlines() == ["567 (1, 64, 48) torch.uint8", "['cross_entropy']"], done.stderr


def test_it_may_map_the_keys_of_published_files_as_systems_of_that_time_did(tmp_path):
    text = (PACKAGE / "tinynet.py").read_text(encoding="utf-8")
    keys = "\n\ndef official_keys(card):\n    return {'a.pth': lambda key: f'{card.name}.{key}'}\n"
    (tmp_path / "tinynet.py").write_text(text + keys, encoding="utf-8")
    declare(tmp_path, "plugin_v0", {"isdbench.systems": {"tinynet": "tinynet"}})
    code = "from benchmark import registry; print(registry.spec('tinynet').key_maps['a.pth']('weight'))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment(tmp_path))
    assert done.stdout == "tinynet.weight\n", done.stderr


def test_its_system_and_dataset_are_listed(paths, tmp_path):
    systems = json.loads(isdbench("systems", "--json", folder=tmp_path, paths=paths).stdout)
    assert next(one for one in systems if one["name"] == "tinynet")["group"] == "Added"
    datasets = json.loads(isdbench("datasets", "--json", folder=tmp_path, paths=paths).stdout)
    assert "twofields" in {one["name"] for one in datasets}


@pytest.mark.slow
def test_it_runs_and_has_a_row_in_the_table(paths, tmp_path):
    write_fields(tmp_path / "data")
    words = (
        "run",
        "table1",
        "--profile",
        "smoke",
        "--dataset",
        "twofields",
        "--root",
        "data",
        "--systems",
        "tinynet",
        "--out",
        "out",
    )
    isdbench(*words, folder=tmp_path, paths=paths)
    (page,) = (tmp_path / "out").glob("table1*.md")
    row = next(line for line in page.read_text(encoding="utf-8").splitlines() if "TinyNet" in line)
    assert "not run" not in row
    assert "failed" not in row
