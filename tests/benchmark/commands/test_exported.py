"""``isdbench export --int8`` and ``isdbench evaluate --exported``, on a small synthetic world."""

import json
import shutil

import pytest
import torch

from benchmark import registry
from benchmark.cli import main
from benchmark.data.synthetic import World, make_world
from benchmark.weights.files import save_weights


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"), World(), (96, 128), train=3, test=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(path, registry.build(registry.card("bisenetv2"), 7), "short", "synthetic")
    return path


@pytest.fixture(scope="module")
def files(world, weights, tmp_path_factory):
    for name in ("onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    plain, small = (tmp_path_factory.mktemp("files") / name for name in ("plain.onnx", "small.onnx"))
    assert run("export", "bisenetv2", "--weights", weights, plain) == 0
    assert run("export", "bisenetv2", "--weights", weights, small, "--int8", "--root", world) == 0
    return plain, small


def run(*words):
    return main([str(word) for word in words])


def refused(capsys, *words):
    assert run(*words) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.slow
def test_a_file_is_scored_as_the_system(files, world, weights, capsys):
    scores = []
    for source in (("--weights", weights), ("--exported", files[0]), ("--exported", files[1])):
        assert run("evaluate", "bisenetv2", *source, "--root", world, "--json") == 0
        scores.append(json.loads(capsys.readouterr().out))
    torchs, plain, small = scores
    pixels = 2 * 96 * 128
    assert moved(torchs, plain) < 0.001 * pixels
    assert 0 < moved(torchs, small) < 0.5 * pixels
    assert plain["images"] == torchs["images"]
    assert plain["miou_paper"] == pytest.approx(torchs["miou_paper"], abs=0.1)


def moved(one, other):
    """Pixels that are counted elsewhere: a lower bound of the labels that differ."""
    matrices = (torch.tensor(scores["confusion"]) for scores in (one, other))
    return int((next(matrices) - next(matrices)).abs().sum()) / 2


@pytest.mark.parametrize(
    "option",
    [("--scale", "0.8"), ("--precision", "bf16"), ("--device", "cuda"), ("--image", "a.png", "--truth", "t.png")],
)
def test_options_about_torch_are_refused(tmp_path, option, capsys):
    said = refused(capsys, "evaluate", "bisenetv2", "--exported", tmp_path / "a.onnx", *option)
    assert said.startswith(f"isdbench: --exported: leave {option[0]} out")


def test_a_file_that_is_missing_or_of_another_format_is_refused(world, tmp_path, capsys):
    (tmp_path / "a.pt2").touch()
    for name, said in (("a.onnx", "no such file"), ("a.pt2", "only .onnx files are scored")):
        assert said in refused(capsys, "evaluate", "bisenetv2", "--exported", tmp_path / name, "--root", world)


@pytest.mark.slow
def test_a_file_of_another_system_or_of_none_is_refused(files, world, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    assert "is of system 'bisenetv2', not 'stdc'" in refused(
        capsys, "evaluate", "stdc", "--exported", files[0], "--root", world
    )
    (tmp_path / "a.onnx").write_bytes(b"no net")
    said = refused(capsys, "evaluate", "bisenetv2", "--exported", tmp_path / "a.onnx", "--root", world)
    assert "cannot be read as an ONNX file" in said
    shutil.copy(files[0], tmp_path / "b.onnx")
    model = onnx.load(tmp_path / "b.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "b.onnx")
    said = refused(capsys, "evaluate", "bisenetv2", "--exported", tmp_path / "b.onnx", "--root", world)
    assert "says no system or dataset" in said
    onnx.helper.set_model_props(model, {"system": "bisenetv2", "dataset": "synthetic", "classes": '["a", "b"]'})
    onnx.save(model, tmp_path / "b.onnx")
    said = refused(capsys, "evaluate", "bisenetv2", "--exported", tmp_path / "b.onnx", "--root", world)
    assert "has 2 classes, the dataset has 7" in said


def test_patches_are_refused(tmp_path, capsys):
    assert "holds one patch pass" in refused(capsys, "evaluate", "unet-local", "--exported", tmp_path / "a.onnx")


def test_one_source_of_weights(weights, tmp_path, capsys):
    for source in ((), ("--weights", weights, "--exported", tmp_path / "a.onnx")):
        assert "--weights FILE or --exported FILE" in refused(capsys, "evaluate", "bisenetv2", *source)


def test_calibration_needs_images_and_an_onnx_file(weights, tmp_path, capsys):
    words = ("export", "bisenetv2", "--weights", weights)
    assert "only --int8 reads images" in refused(capsys, *words, tmp_path / "a.pt2", "--root", tmp_path)
    patches = ("export", "unet-local", "--weights", weights, tmp_path / "a.onnx", "--int8")
    assert "holds one patch pass" in refused(capsys, *patches)
    assert "--int8 writes an .onnx file" in refused(capsys, *words, tmp_path / "a.pt2", "--int8")
    pytest.importorskip("onnxruntime")
    assert "--root is missing" in refused(capsys, *words, tmp_path / "a.onnx", "--int8")
