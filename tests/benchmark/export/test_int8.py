"""Exported files in 8 bits: smaller, nearly the same labels, the same words about themselves."""

import pytest

from benchmark.errors import DataError
from benchmark.export.export import export
from benchmark.export.formats import open_onnx
from benchmark.export.int8 import quantise
from benchmark.export.part import ExportError
from benchmark.export.traced import example_image
from tests.benchmark.export.test_export import made

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The system, its file, the same in 8 bits."""
    system, folder = made(), tmp_path_factory.mktemp("int8")
    plain, small = folder / "plain.onnx", folder / "small.onnx"
    export(system, plain, {"system": "tiny"})
    export(system, small, {"system": "tiny"}, (example_image(index, (96, 128)) for index in range(3)))
    return system, plain, small


@pytest.mark.slow
def test_products_are_of_integers_and_labels_nearly_the_same(files):
    system, plain, small = files
    integers = [one.data_type for one in onnx.load(small).graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert len(integers) >= 2  # the weights of both convolutions
    image = example_image(7, (112, 144))
    labels, found = system.predict(image), open_onnx(small, 1)(image)
    share = float((found == labels).float().mean())
    assert len(labels.unique()) > 1
    assert 0.9 < share < 1  # not the file as it was
    assert bool((open_onnx(plain, 1)(image) == labels).float().mean() > 0.999)


@pytest.mark.slow
def test_it_says_what_it_is(files):
    _, plain, small = files
    words = [{entry.key: entry.value for entry in onnx.load(path).metadata_props} for path in (plain, small)]
    assert words[1] == {**words[0], "weights": "int8"}


@pytest.mark.slow
def test_scales_are_those_of_the_calibration(files, tmp_path):
    """A file calibrated on a nearly black image has labels of its own."""
    system, plain, small = files
    dark = tmp_path / "dark.onnx"
    dark.write_bytes(plain.read_bytes())
    quantise(dark, [example_image(0, (96, 128)) * 0.01])
    image = example_image(7, (112, 144))
    shares = [float((open_onnx(path, 1)(image) == system.predict(image)).float().mean()) for path in (dark, small)]
    assert shares[0] < shares[1]


@pytest.mark.slow
def test_no_image_is_one_line_and_leaves_no_file(files, tmp_path):
    with pytest.raises(ExportError, match=r"net\.onnx: cannot be put into 8 bits .*; export it without") as error:
        export(files[0], tmp_path / "net.onnx", {}, iter(()))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_image_that_cannot_be_read_is_named(files, tmp_path):
    def images():
        yield example_image(0, (64, 64))
        raise DataError("a.png: truncated")

    with pytest.raises(DataError, match=r"a\.png: truncated"):
        export(files[0], tmp_path / "net.onnx", {}, images())
    assert not list(tmp_path.iterdir())
