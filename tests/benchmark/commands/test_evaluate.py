"""``isdbench evaluate`` on one image and its labels, read from top to bottom."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import registry
from benchmark.accuracy.metrics import confusion
from benchmark.cli import main
from benchmark.prediction import predicted
from benchmark.weights.files import save_weights

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (150, 97, 3), dtype=np.uint8)
TRUTH = RNG.choice(np.array([0, 1, 2, 3, 4, 5, 6, 255], np.uint8), (150, 97))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("evaluate")
    system = registry.build(registry.card("unet-local").at(0.125), 7)
    save_weights(folder / "w.safetensors", system, "short", "deepglobe")
    Image.fromarray(PIXELS).save(folder / "a.png")
    Image.fromarray(TRUTH).save(folder / "truth.png")
    return folder, system.inference_form().eval()


def run(folder, truth, *words):
    files = ("--weights", folder / "w.safetensors", "--image", folder / "a.png", "--truth", truth)
    return main([str(word) for word in ("evaluate", "unet-local", *files, *words)])


def test_counts_are_those_of_the_whole_image(made, capsys):
    folder, system = made
    assert run(folder, folder / "truth.png", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["confusion"] == confusion(TRUTH, predicted(system, PIXELS), 7).tolist()
    assert sum(map(sum, scores["confusion"])) == (TRUTH != 255).sum()


def test_a_tiff_of_labels(made, tmp_path, capsys):
    rasterio = pytest.importorskip("rasterio")
    folder, system = made
    with rasterio.open(tmp_path / "t.tif", "w", driver="GTiff", count=1, height=150, width=97, dtype="uint8") as file:
        file.write(TRUTH, 1)
    assert run(folder, tmp_path / "t.tif", "--json") == 0
    wanted = confusion(TRUTH, predicted(system, PIXELS), 7).tolist()
    assert json.loads(capsys.readouterr().out)["confusion"] == wanted


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (TRUTH[:-1], "t.png: 149x97 pixels, the image has 150x97"),
        (np.full_like(TRUTH, 9), "t.png: label holds 9"),
        (PIXELS, "t.png: has mode 'RGB', expected one band"),
    ],
)
def test_labels_that_do_not_fit_are_named(made, tmp_path, capsys, truth, said):
    Image.fromarray(truth).save(tmp_path / "t.png")
    assert run(made[0], tmp_path / "t.png") == 2
    assert said in capsys.readouterr().err


def test_an_image_is_scored_instead_of_a_dataset(made, capsys):
    assert run(made[0], made[0] / "truth.png", "--split", "val") == 2
    assert "leave --root and --split out" in capsys.readouterr().err


def test_an_image_needs_its_labels(made, capsys):
    folder, _ = made
    assert main(["evaluate", "unet-local", "--weights", str(folder / "w.safetensors"), "--image", "a.png"]) == 2
    assert "--image and --truth go together" in capsys.readouterr().err
