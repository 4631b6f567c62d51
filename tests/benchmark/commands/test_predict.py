"""``isdbench predict``: what it writes, and what it refuses before a net is built."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import registry
from benchmark.card import SlidingWindow
from benchmark.cli import main
from benchmark.data.raster import open_image
from benchmark.large.predict import Settings, procedure
from benchmark.large.slabs import slab_mib
from benchmark.prediction import predicted
from benchmark.weights.files import load_weights, save_weights

PIXELS = np.random.default_rng(0).integers(0, 256, (96, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "stdc.safetensors"
    save_weights(path, registry.build(registry.card("stdc").at(0.125), 7), "short", "deepglobe")
    return path


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


def run(*words):
    return main(["predict", "stdc", *map(str, words)])


def test_labels_and_an_overlay_of_each_image_and_again(weights, image, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(image, "--weights", weights, "--out", out) == 0
    files = [out / "a_labels.png", out / "a_overlay.png"]
    assert capsys.readouterr().out.splitlines() == [f"{files[0]}  (the whole image)", str(files[1])]
    system = registry.build(registry.card("stdc").at(0.125), 7)
    load_weights(weights, system)
    wanted = registry.dataset("deepglobe").info.colourise(predicted(system.eval(), PIXELS))
    assert np.array_equal(np.array(Image.open(files[0]).convert("RGB")), wanted)
    assert run(image, "--weights", weights, "--out", out, "--tta") == 0  # its own files it may replace


def test_what_the_same_run_made_before_is_left_alone(weights, image, tmp_path, capsys, monkeypatch):
    other = tmp_path / "b.png"
    Image.fromarray(PIXELS[::-1]).save(other)
    words = (image, other, "--weights", weights, "--out", tmp_path / "out")
    labels, overlay = tmp_path / "out" / "a_labels.png", tmp_path / "out" / "a_overlay.png"
    assert run(*words) == 0
    overlay.unlink()  # as if the run had been killed before
    made = [path.stat().st_mtime_ns for path in (labels, tmp_path / "out" / "b_labels.png")]
    assert run(*words) == 0
    assert overlay.exists()
    assert labels.stat().st_mtime_ns > made[0]
    assert (tmp_path / "out" / "b_labels.png").stat().st_mtime_ns == made[1]
    assert run(image, "--weights", weights, "--out", tmp_path / "out", "--tta") == 0
    Image.fromarray(PIXELS[:80]).save(other)
    assert run(*words) == 0  # other views, and another image: both again
    capsys.readouterr()
    no_build(monkeypatch)
    assert run(*words) == 0
    assert capsys.readouterr().out.count("done before") == 2


def no_build(monkeypatch):
    monkeypatch.setattr(registry, "build", lambda *_: pytest.fail("the net was built"))


def refused(capsys, *words):
    """The last line of the error."""
    try:
        status = run(*words)
    except SystemExit as usage:
        status = usage.code
    assert status == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "1.5", "inf", "x"])
def test_a_scale_that_is_none_is_refused(scale, weights, image, tmp_path, capsys):
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path, f"--scale={scale}")
    assert "--scale" in line
    assert "above 0" in line


def test_bad_files_are_named_before_the_net_is_built(weights, image, tmp_path, capsys, monkeypatch):
    no_build(monkeypatch)
    options = ("--weights", weights, "--out", tmp_path / "out")
    assert f"{tmp_path / 'b.png'}: " in refused(capsys, image, tmp_path / "b.png", *options)
    (tmp_path / "c.png").write_text("no image")
    assert "c.png: not an image" in refused(capsys, tmp_path / "c.png", *options)
    assert "no such weights file" in refused(capsys, image, "--weights", tmp_path / "none", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_of_the_user_is_not_overwritten(weights, image, tmp_path, capsys, monkeypatch):
    no_build(monkeypatch)
    theirs = tmp_path / "a_labels.png"
    theirs.write_bytes(image.read_bytes())
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path)
    assert "a_labels.png exists and was not written by 'predict'" in line
    assert theirs.read_bytes() == image.read_bytes()


def test_too_little_memory_is_one_line(weights, image, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 bytes")

    monkeypatch.setattr("benchmark.large.predict.predicted", full)
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path / "out")
    assert "a.png: 96x80 pixels: memory is too small for 'stdc'" in line


@pytest.mark.parametrize("kind", ["nan", "quantised"])
def test_weights_that_compute_nothing_are_refused(kind, weights, image, tmp_path, capsys):
    system = registry.build(registry.card("stdc").at(0.125), 7)
    state = system.state_dict()
    name = next(key for key, value in state.items() if value.is_floating_point())
    state[name] = (
        torch.full_like(state[name], torch.nan)
        if kind == "nan"
        else torch.quantize_per_tensor(state[name], 0.1, 0, torch.qint8)
    )
    torch.save(state, tmp_path / "bad.pth")
    options = ("--weights", tmp_path / "bad.pth", "--dataset", "deepglobe", "--out", tmp_path / "out")
    line = refused(capsys, image, *options)
    assert f"bad.pth: '{name}'" in line


def test_a_folder_tiles_and_a_budget(weights, image, tmp_path, capsys):
    folder, whole, tiled = tmp_path / "images", tmp_path / "whole", tmp_path / "tiled"
    folder.mkdir()
    for name in ("b.png", "c.jpg", "notes.txt"):
        (folder / name).write_bytes(image.read_bytes())
    assert run(folder, "--weights", weights, "--out", whole) == 0
    assert sorted(file.stem for file in whole.iterdir()) == ["b_labels", "b_overlay", "c_labels", "c_overlay"]
    assert run(folder / "b.png", "--weights", weights, "--out", tiled, "--tile", "64", "--blend", "hann") == 0
    said = "tiles instead of the whole image, which changes the method: patches of 64, overlap 16, blend hann"
    assert said in capsys.readouterr().out
    assert Image.open(tiled / "b_labels.png").info["Procedure"] == said
    assert Image.open(whole / "b_labels.png").info["Procedure"] == "the whole image"
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path / "none", "--memory-budget", "0.0001")
    assert "a.png: 96x80 pixels need" in line
    assert "use --tile" in line
    assert not (tmp_path / "none").exists()


def test_a_local_system_gives_the_labels_of_the_whole_image_and_keeps_the_georeference(tmp_path, capsys):
    rasterio = pytest.importorskip("rasterio")
    torch.manual_seed(0)
    system = registry.build(registry.card("unet-local").at(0.125), 7)
    save_weights(tmp_path / "w.safetensors", system, "short", "deepglobe")
    where = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)
    kind = {"driver": "GTiff", "count": 3, "height": 150, "width": 97, "dtype": "uint8", "transform": where}
    pixels = np.random.default_rng(1).integers(0, 256, (150, 97, 3), dtype=np.uint8)
    with rasterio.open(tmp_path / "a.tif", "w", crs="EPSG:32632", **kind) as file:
        file.write(np.moveaxis(pixels, 2, 0))
    words = ["predict", "unet-local", tmp_path / "a.tif", "--weights", tmp_path / "w.safetensors", "--out", tmp_path]
    assert main([str(word) for word in words]) == 0
    with rasterio.open(tmp_path / "a_labels.tif") as made:
        assert (made.crs.to_epsg(), made.transform) == (32632, where)
        assert np.array_equal(made.read(1), predicted(system.inference_form().eval(), pixels))


def test_views_probabilities_and_polygons(weights, image, tmp_path, capsys):
    rasterio = pytest.importorskip("rasterio")
    out = tmp_path / "out"
    assert run(image, "--weights", weights, "--out", out, "--tta", "--probabilities", "--polygons") == 0
    assert "the whole image, mean of 8 views" in capsys.readouterr().out
    labels = np.array(Image.open(out / "a_labels.png"))
    with rasterio.open(out / "a_probabilities.tif") as shares:
        assert shares.descriptions == registry.dataset("deepglobe").info.classes
        bands = shares.read()
    assert np.abs(bands.astype(int).sum(axis=0) - 255).max() <= 4  # seven rounded shares
    assert (np.take_along_axis(bands, labels[None].astype(int), 0)[0] == bands.max(axis=0)).all()
    assert '"class": ' in (out / "a_labels.geojson").read_text()
    patches = ("--tile", "48", "--probabilities")
    assert run(image, "--weights", weights, "--out", tmp_path / "tiles", *patches) == 0
    assert "seam score" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "name"), [("--probabilities", "a_probabilities.tif"), ("--polygons", "a_labels.geojson")]
)
def test_no_further_file_of_the_user_is_overwritten(option, name, weights, image, tmp_path, capsys):
    pytest.importorskip("rasterio")
    (tmp_path / name).write_text("mine")
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path, option)
    assert f"{name} exists and was not written by 'predict'" in line
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).unlink()
    for _ in range(2):  # its own it may
        assert run(image, "--weights", weights, "--out", tmp_path, option) == 0


def test_a_system_that_refines_labels_has_no_views(weights, image, tmp_path, capsys):
    words = ["predict", "segfix", image, "--weights", tmp_path / "w", "--out", tmp_path / "out", "--tta"]
    save_weights(tmp_path / "w", registry.build(registry.card("segfix").at(0.125), 7), "short", "deepglobe")
    assert main([str(word) for word in words]) == 2
    assert "--tta: labels of 'segfix' are more than the argmax of logits" in capsys.readouterr().err


def test_an_image_beyond_the_budget_is_predicted_from_top_to_bottom(tmp_path, capsys):
    torch.manual_seed(0)
    system = registry.build(registry.card("isdnet").at(0.125), 7)
    save_weights(tmp_path / "w.safetensors", system, "short", "deepglobe")
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 97, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    words = ["predict", "isdnet", tmp_path / "a.png", "--weights", tmp_path / "w.safetensors"]
    for name, budget in (("whole", "1"), ("streamed", "0.005")):
        assert main([str(word) for word in [*words, "--out", tmp_path / name, "--memory-budget", budget]]) == 0
    assert "the whole image, from top to bottom" in capsys.readouterr().out
    whole, streamed = (np.array(Image.open(tmp_path / name / "a_labels.png")) for name in ("whole", "streamed"))
    assert (whole == streamed).mean() >= 0.9999


@pytest.mark.parametrize(("name", "budget"), [("unet-local", "1"), ("isdnet", "0.005")])
def test_the_optimized_form_keeps_the_labels_and_is_named(name, budget, tmp_path, capsys, monkeypatch):
    torch.manual_seed(0)
    save_weights(tmp_path / "w.safetensors", registry.build(registry.card(name).at(0.125), 7), "short", "deepglobe")
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 97, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    words = ["predict", name, tmp_path / "a.png", "--weights", tmp_path / "w.safetensors", "--memory-budget", budget]
    monkeypatch.setattr("benchmark.cost.optimized.GAIN", 100.0)  # any form counts as faster: one is kept for certain
    for folder, more in (("plain", []), ("optimized", ["--optimized"])):
        assert main([str(word) for word in [*words, *more, "--device", "cpu", "--out", tmp_path / folder]]) == 0
    assert ", optimized (channels-last" in capsys.readouterr().out
    plain, optimized = (np.array(Image.open(tmp_path / name / "a_labels.png")) for name in ("plain", "optimized"))
    assert (plain == optimized).mean() >= 0.999
    no_build(monkeypatch)
    assert main([str(word) for word in [*words, "--optimized", "--out", tmp_path / "optimized"]]) == 0
    assert "done before" in capsys.readouterr().out


@pytest.mark.parametrize("more", [("--tile", "64", "--scale", "0.5"), ("--memory-budget", "0.0001")])
def test_no_form_is_looked_for_before_a_refusal(more, weights, image, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmark.cost.optimized.fastest", lambda *_: pytest.fail("forms were tried"))
    assert refused(capsys, image, "--weights", weights, "--out", tmp_path / "out", "--optimized", *more)
    assert not (tmp_path / "out").exists()


def test_lack_of_memory_while_forms_are_tried_is_one_line(weights, image, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("benchmark.cost.optimized.fastest", fail)
    line = refused(capsys, image, "--weights", weights, "--out", tmp_path / "out", "--optimized")
    assert "--optimized: memory is too small to look for a form; leave it out" in line


def test_an_image_that_does_not_fit_is_named_before_any_is_computed(weights, image, tmp_path, capsys):
    Image.fromarray(np.zeros((2000, 2000, 3), np.uint8)).save(tmp_path / "large.png")
    words = (image, tmp_path / "large.png", "--weights", weights, "--out", tmp_path / "out")
    assert "large.png: 2000x2000 pixels need about" in refused(capsys, *words, "--memory-budget", "0.1")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("tile", "budget_gib", "side"), [(None, None, 512), (128, None, 128), (None, 0.1, 259)])
def test_forms_are_tried_on_no_more_than_tile_and_budget_allow(tile, budget_gib, side):
    assert Settings(tile=tile, budget_mib=budget_gib and budget_gib * 1024).sample == side


def test_a_wide_image_is_predicted_in_bands_of_columns(tmp_path, capsys):
    rasterio = pytest.importorskip("rasterio")
    torch.manual_seed(0)
    system = registry.build(registry.card("stdc").at(0.125), 7)
    save_weights(tmp_path / "w.safetensors", system, "short", "deepglobe")
    pixels = np.random.default_rng(1).integers(0, 256, (3, 70, 1500), dtype=np.uint8)
    pixels[:, 20:50, 600:900] = 0  # no data
    kind = {"driver": "GTiff", "count": 3, "height": 70, "width": 1500, "dtype": "uint8", "nodata": 0}
    with rasterio.open(tmp_path / "a.tif", "w", **kind) as file:
        file.write(pixels)
    words = ["predict", "stdc", tmp_path / "a.tif", "--weights", tmp_path / "w.safetensors", "--tile", 64]
    made = []
    for name, budget_gib in (("whole", 1), ("bands", 0.007)):
        more = ["--out", tmp_path / name, "--memory-budget", budget_gib, "--probabilities"]
        assert main([str(word) for word in [*words, *more]]) == 0
        made.append([rasterio.open(file).read() for file in sorted((tmp_path / name).glob("*.tif"))])
    for whole, bands in zip(*made, strict=True):
        assert (whole == bands).mean() >= 0.9999
    assert (made[0][0][0, 20:50, 600:900] == 255).all()
    assert slab_mib(7, SlidingWindow(64, 16), (70, 1500)) > 0.007 * 1024  # too wide for one band
    capsys.readouterr()
    assert main([str(word) for word in [*words, "--out", tmp_path / "none", "--memory-budget", 0.002]]) == 2
    assert "a.tif: 70x1500 pixels need about" in capsys.readouterr().err


def test_tiles_are_not_cut_from_a_reduced_image(weights, image, tmp_path, capsys):
    assert "leave one of them out" in refused(
        capsys, image, "--weights", weights, "--out", tmp_path / "none", "--tile", "64", "--scale", "0.5"
    )


def test_fewer_patches_at_a_time_where_the_budget_is_small(image):
    system = registry.build(registry.card("unet-local").at(0.125), 7)
    own = system.card.inference
    patch_mib = 800 * own.patch**2 / 2**20
    with open_image(image) as source:
        batches = [procedure(system, source, Settings(budget_mib=mib)).window.batch for mib in (4096, 5 * patch_mib)]
    assert batches == [own.batch, 2]


def test_a_tile_larger_than_the_image_takes_no_more_than_the_image(image):
    system = registry.build(registry.card("stdc").at(0.125), 7)
    with open_image(image) as source:
        made = procedure(system, source, Settings(tile=100_000, budget_mib=64))
    assert made.window.batch == 1
