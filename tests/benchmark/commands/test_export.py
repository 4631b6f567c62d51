"""``isdbench export``: what is refused, in one line, and what the file says about itself."""

import hashlib
import json

import pytest
import torch

from benchmark import registry
from benchmark.cli import main
from benchmark.export.formats import METADATA
from benchmark.weights.files import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("export") / "w.safetensors"
    save_weights(path, registry.build(registry.card("bisenetv2"), 7), "short", "deepglobe")
    return path


def refused(capsys, *words):
    try:
        status = main([str(word) for word in ("export", *words)])
    except SystemExit as left:  # what argparse refuses
        status = left.code
    assert status == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_no_weights_are_refused(tmp_path, capsys):
    assert "--weights" in refused(capsys, "bisenetv2", tmp_path / "a.pt2")


@pytest.mark.parametrize("name", ["glnet", "fctl", "magnet", "densecrf"])
def test_a_procedure_of_its_own_is_refused_before_weights_are_read(name, tmp_path, capsys):
    said = refused(capsys, name, "--weights", tmp_path / "none", tmp_path / "a.pt2")
    assert f"system '{name}': not one pass" in said


def test_a_name_without_a_format_is_refused(weights, tmp_path, capsys):
    assert "ends in .onnx or .pt2" in refused(capsys, "bisenetv2", "--weights", weights, tmp_path / "a.bin")


def test_weights_of_another_system_are_refused(weights, tmp_path, capsys):
    said = refused(capsys, "stdc", "--weights", weights, tmp_path / "a.pt2")
    assert "weights of system 'bisenetv2'" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_file_names_its_classes_and_weights(weights, tmp_path, capsys):
    out = tmp_path / "new" / "a.pt2"
    assert main(["export", "bisenetv2", "--weights", str(weights), str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed[:2]] == ["192x416", "333x257"]
    assert printed[2] == str(out)
    files = {METADATA: ""}
    torch.export.load(out, extra_files=files)
    words = json.loads(files[METADATA])
    assert words["system"] == "bisenetv2"
    assert json.loads(words["classes"]) == list(registry.dataset("deepglobe").info.classes)
    assert words["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
