"""``--precision`` of ``predict`` and ``evaluate``: labels of one call under autocast, or it is refused."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import registry
from benchmark.cli import main
from benchmark.data.raster import open_image
from benchmark.large.predict import Settings, procedure
from benchmark.large.turned import turned
from benchmark.machine import device
from benchmark.prediction import predicted
from benchmark.weights.files import save_weights

TALL = np.random.default_rng(0).integers(0, 256, (600, 97, 3), dtype=np.uint8)
PIXELS = TALL[:70, :60].copy()  # small: without bf16 instructions torch emulates them


@pytest.fixture
def capable(tmp_path, monkeypatch):
    """A CPU that says that it has the instructions; without them torch emulates them, which takes longer."""
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 avx512_bf16\n")
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")


def made(folder, name):
    """The words that predict an image by a system, and its labels by one call in bf16."""
    torch.manual_seed(0)
    system = registry.build(registry.card(name).at(0.125), 7)
    save_weights(folder / "w.safetensors", system, "short", "deepglobe")
    pixels = TALL if name == "isdnet" else PIXELS
    Image.fromarray(pixels).save(folder / "a.png")
    labels = predicted(system.inference_form().eval(), pixels, precision="bf16")
    return [name, folder / "a.png", "--weights", folder / "w.safetensors", "--device", "cpu"], labels


def run(command, words):
    return main([str(word) for word in (command, *words)])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("stdc", "the whole image, bf16"),
        ("unet-local", "patches of 64, overlap 15, blend mean, bf16"),
        ("isdnet", "the whole image, from top to bottom, bf16"),
    ],
)
def test_labels_are_those_of_one_call_under_autocast(name, how, tmp_path, capsys, capable):
    words, labels = made(tmp_path, name)
    budget = "0.005" if name == "isdnet" else "1"
    words += ["--out", tmp_path / "out", "--precision", "bf16", "--memory-budget", budget]
    assert run("predict", words) == 0
    assert f"({how}" in capsys.readouterr().out
    found = np.array(Image.open(tmp_path / "out/a_labels.png").convert("RGB"))
    wanted = registry.dataset("deepglobe").info.colourise(labels)
    least = 0.99 if name == "isdnet" else 1.0  # its strips round at other places than the whole image
    assert (found == wanted).all(-1).mean() >= least


def test_scores_are_those_of_the_same_labels(tmp_path, capsys, capable):
    (name, image, *options), labels = made(tmp_path, "unet-local")
    Image.fromarray(labels).save(tmp_path / "truth.png")
    words = [name, *options, "--image", image, "--truth", tmp_path / "truth.png", "--json"]
    assert run("evaluate", [*words, "--precision", "bf16"]) == 0
    counts = np.array(json.loads(capsys.readouterr().out)["confusion"])
    assert counts.trace() == counts.sum() == labels.size


@pytest.mark.parametrize("name", ["unet-local", "stdc"])
def test_values_beyond_the_range_of_fp16_are_an_error_instead_of_wrong_labels(name, tmp_path, capsys, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : fpu avx512_fp16\n")
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")
    (name, image, *options), _ = made(tmp_path, name)
    system = registry.build(registry.card(name).at(0.125), 7)
    with torch.no_grad():
        next(layer for layer in system.modules() if isinstance(layer, torch.nn.BatchNorm2d)).weight.mul_(1e6)
    save_weights(tmp_path / "w.safetensors", system, "short", "deepglobe")
    assert run("predict", [name, image, *options, "--out", tmp_path / "out", "--precision", "fp16"]) == 2
    assert f"--precision fp16: values of '{name}' are beyond its range; use bf16 or fp32" in capsys.readouterr().err


def test_torch_is_left_as_it_was_between_slabs_and_views_are_summed_in_full_precision(tmp_path):
    system = registry.build(registry.card("unet-local").at(0.125), 7).eval()
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as source:
        for _ in procedure(system, source, Settings(precision="bf16", logits=True)).slabs():
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.is_inference_mode_enabled()
    view = turned(lambda batch: batch.bfloat16(), lambda logits, _: logits)(torch.rand(1, 3, 4, 4))
    assert view.dtype == torch.float32


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_it_is_refused_without_instructions_before_the_net_is_built(command, tmp_path, capsys, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2\n")
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")
    (name, image, *options), labels = made(tmp_path, "stdc")
    Image.fromarray(labels).save(tmp_path / "truth.png")
    place = [image, "--out", tmp_path / "out"] if command == "predict" else ["--image", image]
    truth = [] if command == "predict" else ["--truth", tmp_path / "truth.png"]
    monkeypatch.setattr(registry, "build", lambda *_: pytest.fail("the net was built"))
    assert run(command, [name, *place, *truth, *options, "--precision", "bf16"]) == 2
    assert "--precision bf16: this CPU has no bf16 instructions" in capsys.readouterr().err
