"""Kinds of odd and bad input, each given to the command that a user would give it to, in one table.

A row of BAD: the kind, the file, how it is written, a part of what is said. The answer is one line on stderr that names
the file or the option, exit status 2 (1 where a check reports), and no file is left. ODD is read rightly instead.
"""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmark import registry
from benchmark.cli import main
from benchmark.weights.files import save_weights
from tests.benchmark.data import odd
from tests.benchmark.data.bad_inputs import BAD, RECORD
from tests.benchmark.data.odd import COLOURS, LABEL, PIXELS, encoded, raw, saved, tiff

pytest.importorskip("rasterio")


def predict(file, world):
    return ("predict", "constant", file, "--weights", world / "7.safetensors", "--out", "out")


def weights(file, world):
    return ("predict", "constant", world / "good.png", "--weights", file, "--dataset", "deepglobe", "--out", "out")


def truth(file, world):
    given = ("--weights", world / "3.safetensors", "--image", world / "good.png", "--json")
    return ("evaluate", "constant", *given, "--truth", file, "--dataset", "data/dataset.toml")


def verify(file, world):
    return ("data", "verify", "--dataset", "data/dataset.toml")


def run(file, world):
    given = ("--dataset", "data/dataset.toml", "--profile", "smoke", "--only", "accuracy", "--device", "cpu")
    return ("run", "--systems", "constant", *given)


def init(file, world):
    return ("data", "init", "plain")


def prepare(file, world):
    return ("data", "prepare", "--dataset", "deepglobe", "--root", file, "--out", "out")


def validate(file, world):
    return ("records", "validate", file)


def convert(file, world):
    return ("convert", "stdc", file, "out.safetensors")


def options(words, world):
    return words


COMMANDS = {
    one.__name__: one for one in (predict, weights, truth, verify, run, init, prepare, validate, convert, options)
}
ROWS = [pytest.param(command, *row[1:], id=row[0]) for command, rows in BAD.items() for row in rows]
REPORTS = ("verify", "validate")  # name what is wrong on stdout, and then return 1


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Weights of the constant system for the seven classes of DeepGlobe and the three of the card; a good image."""
    folder = tmp_path_factory.mktemp("world")
    for count in (3, 7):
        system = registry.build(registry.card("constant"), count)
        system.counts[1] = 1
        save_weights(folder / f"{count}.safetensors", system, "counting", "deepglobe")
    saved()(folder / "good.png")
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(odd.dataset_in(tmp_path / "data").parent)
    return tmp_path


def written(file, write, place):
    path = place / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write(path)
    return path.relative_to(place)


def called(capfd, *words):
    """Status, stdout and stderr of the command line; whatever else speaks there, such as libtiff, counts too."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as usage:
        status = usage.code
    return status, *capfd.readouterr()


def heard(recwarn):
    """What Python would print; the product silences Pillow, and pytest undoes that."""
    return [str(one.message) for one in recwarn if "/PIL/" not in one.filename]


def files(place):
    return sorted(str(path) for path in place.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(("command", "file", "write", "said"), ROWS)
def test_bad_input_is_one_clear_line_and_leaves_nothing(command, file, write, said, world, place, capfd, recwarn):
    words = COMMANDS[command](written(file, write, place) if write else file, world)
    before = files(place)
    status, out, err = called(capfd, *words)
    lines = err.splitlines() if status == 2 else out.splitlines()  # a check reports on stdout
    assert status == 2 or (status, command in REPORTS) == (1, True), (out, err)
    assert status == 1 or len(lines) == 1, lines
    assert any(said in line for line in lines), lines
    assert "Traceback" not in out + err
    assert status == 2 or command != "verify" or not err, err
    assert heard(recwarn) == []
    assert files(place) == before


@pytest.mark.slow
def test_a_report_names_every_bad_record_and_leaves_it_out(world, place, capfd):
    rows = [row for row in BAD["validate"] if "missing" not in row[0]]
    for number, (_, _, write, _) in enumerate(rows):
        written(f"records/r{number}.json", write, place)
    written("records/good.json", raw(RECORD), place)
    words = ("--records", "records", "--out", "out", "--tables", "table1", "--format", "md", "--no-figures")
    status, _, err = called(capfd, "report", *words)
    assert status == 1, err
    for number in range(len(rows)):
        assert f"left out: records/r{number}.json: " in err
    assert f"{len(rows)} of {len(rows) + 1} records left out" in err


def test_there_are_more_than_80_kinds():
    names = [row.id for row in ROWS]
    assert len(set(names)) == len(names) >= 80


ODD = [  # the kind, the file, how it is written; each holds PIXELS
    ("png named as jpeg", "a.jpg", saved()),
    ("png named as tiff", "a.tif", saved()),
    ("tiff named as png", "a.png", saved(kind="TIFF")),
    ("suffix in capitals", "A.TIF", saved(kind="TIFF")),
    ("bytes after the end", "a.png", raw(encoded() + bytes(99))),
    ("name of letters", "grün 森.png", saved()),
    ("name that is no text", "a\udcff.png", saved()),
    ("link", "a.png", lambda path: path.symlink_to(written("b.png", saved(), path.parent.resolve()).name)),
    ("webp", "a.webp", saved(kind="WEBP", lossless=True)),
    ("jpeg 2000", "a.jp2", saved(kind="JPEG2000")),
    *((f"png turned, {turn}", "a.png", odd.turned(turn)) for turn in (3, 6, 8)),
    ("webp turned", "a.webp", odd.turned(6, "WEBP", lossless=True)),
    ("tiff turned", "a.tif", odd.turned(6, "TIFF")),
    ("tiff of lzw", "a.tif", saved(kind="TIFF", compression="tiff_lzw")),
    ("tiff in tiles", "a.tif", tiff(PIXELS, tiled=True, blockxsize=16, blockysize=16, compress="deflate")),
    ("big tiff", "a.tif", tiff(PIXELS, BIGTIFF="YES")),
    ("tiff of big-endian words", "a.tif", tiff(PIXELS, ENDIANNESS="BIG")),
    ("tiff, band by band", "a.tif", tiff(PIXELS, interleave="band")),
    ("tiff with a fourth band", "a.tif", tiff(np.dstack([PIXELS, 255 - PIXELS[..., 0]]))),
    ("tiff with smaller copies", "a.tif", odd.with_copies()),
]


@pytest.mark.parametrize(("file", "write"), [pytest.param(*row[1:], id=row[0]) for row in ODD])
def test_an_odd_image_is_read_as_it_is(file, write, world, place, capfd, recwarn):
    path = written(file, write, place)
    status, _, err = called(capfd, *predict(path, world))
    assert (status, err, heard(recwarn)) == (0, "", [])
    colour = np.broadcast_to(np.uint8(registry.dataset("deepglobe").info.palette[1]), PIXELS.shape)
    overlay = np.array(Image.open(place / "out" / f"{path.stem}_overlay.png"))
    assert np.array_equal(overlay, cv2.addWeighted(colour, 0.5, PIXELS, 0.5, 0))


LABELS = [  # each holds LABEL
    ("grey", "t.png", saved(LABEL)),
    ("palette", "t.png", saved(odd.coloured())),
    ("tiff of one band", "t.tif", tiff(LABEL[..., None], compress="lzw")),
    ("tiff with a palette", "t.tif", saved(odd.coloured(), "TIFF")),
]
MASKS = [  # in a dataset
    *LABELS[:2],
    ("colours", "", saved(COLOURS[LABEL])),
    ("opaque colours", "", saved(Image.fromarray(COLOURS[LABEL]).convert("RGBA"))),
    ("tiff named as png", "", saved(LABEL, "TIFF")),
    ("webp named as png", "", saved(COLOURS[LABEL], "WEBP", lossless=True)),
]


@pytest.mark.parametrize(("file", "write"), [pytest.param(*row[1:], id=row[0]) for row in LABELS])
def test_odd_labels_are_read_as_they_are(file, write, world, place, capfd):
    status, out, _ = called(capfd, *truth(written(file, write, place), world))
    assert status == 0
    assert [row[1] for row in json.loads(out)["confusion"]] == np.bincount(LABEL.ravel()).tolist()


@pytest.mark.parametrize("write", [pytest.param(row[2], id=row[0]) for row in MASKS])
def test_an_odd_mask_is_read_as_it_is(write, world, place, capfd):
    written("data/masks/p2.png", write, place)
    options = ("--weights", world / "3.safetensors", "--dataset", "data/dataset.toml", "--json")
    status, out, _ = called(capfd, "evaluate", "constant", *options)
    assert status == 0
    assert [row[1] for row in json.loads(out)["confusion"]] == (2 * np.bincount(LABEL.ravel())).tolist()
