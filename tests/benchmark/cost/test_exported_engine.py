"""Cost cells of ONNX Runtime and OpenVINO: the file answers the timed calls, under a protocol of its own."""

import numpy as np
import pytest

from benchmark.cli import main
from benchmark.cost import exported_engine, roofline
from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import LabelsError, measure, sample
from benchmark.export.formats import EXTRAS
from results.cell import ENGINES, Protocol
from tests.benchmark.tiny import tiny_system

FEW = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=0.5, max_warmup=2)
HALF = SpeedSettings(min_samples=10, max_samples=10, seconds_budget=60, max_warmup=2, processes=2)
IMAGE = np.random.default_rng(5).integers(0, 256, (200, 264, 3), dtype=np.uint8)
ONNX = Protocol(
    kind="cost", height=200, width=264, threads=1, engine="onnx", timed_regions=("logits", "predict", "end_to_end")
)
OPENVINO = ONNX.model_copy(update={"engine": "openvino"})


@pytest.fixture(params=[ONNX, OPENVINO], ids=lambda protocol: protocol.engine)
def protocol(request):
    return request.param


@pytest.fixture
def files(monkeypatch, protocol):
    """How the file was opened, by threads and whether memory is kept; small ceilings."""
    for name in EXTRAS[protocol.engine]:
        pytest.importorskip(name)
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 1)
    opened, real = [], exported_engine.OPEN[protocol.engine]

    def recorded(file, threads, *, keep):
        opened.append((threads, keep))
        return real(file, threads, keep=keep)

    monkeypatch.setitem(exported_engine.OPEN, protocol.engine, recorded)
    return opened


def test_the_engine_is_another_protocol_and_torch_changes_no_hash():
    plain = ONNX.model_copy(update={"engine": "torch"})
    assert plain.hash == Protocol(**plain.model_dump(exclude={"engine"})).hash
    assert plain.hash != ONNX.hash


@pytest.mark.slow
def test_the_engine_answers_the_timed_calls_and_the_scored_one(files, protocol):
    first = sample(tiny_system(), IMAGE, protocol, HALF, "cpu")
    made = measure(tiny_system(), IMAGE, protocol, HALF, "cpu", earlier=[first])
    assert [samples.region for samples in made.samples] == ["predict", "end_to_end"]
    assert made.regions_absent == {
        "logits": f"{ENGINES[protocol.engine]} answers the entire call, from image to labels"
    }
    assert files == [(1, True), (1, True), (1, False)]
    assert made.labels_hash == made.scored_labels_hash == first.labels_hash
    assert made.labels_kept > 99.9
    assert made.work == {"passes": 1}
    assert made.flops == 2 * (27 * 8 + 8 * 3) * 100 * 132
    # the label map alone is 0.05 MiB; an engine that keeps its memory would show less than the net's maps
    assert made.memory.host_peak_over_idle_mib.mib > 8 * 100 * 132 * 4 / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnx-int8", "openvino-int8"])
def test_a_file_in_8_bits_may_have_other_labels_and_says_how_many(engine, monkeypatch):
    for name in EXTRAS[engine.removesuffix("-int8")]:
        pytest.importorskip(name)
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 1)
    calibrated, real = [], exported_engine.quantise

    def recorded(path, images):
        calibrated.extend(images)
        real(path, calibrated)

    monkeypatch.setattr(exported_engine, "quantise", recorded)
    made = measure(tiny_system(), IMAGE, ONNX.model_copy(update={"engine": engine}), FEW, "cpu")
    assert 50 < made.labels_kept < 100
    assert {tuple(image.shape) for image in calibrated} == {(1, 3, 200, 264)}
    assert made.ceilings is None  # of float32; 8 bits have none
    assert made.memory.host_peak_with_weights_mib.mib > made.memory.host_peak_over_idle_mib.mib
    assert [samples.region for samples in made.samples] == ["predict", "end_to_end"]


@pytest.mark.slow
def test_other_labels_than_torchs_are_a_failure(files, protocol, monkeypatch):
    real = exported_engine.OPEN[protocol.engine]
    wrong = lambda *a, **k: lambda image: (real(*a, **k)(image) + 1) % 3  # noqa: E731
    monkeypatch.setitem(exported_engine.OPEN, protocol.engine, wrong)
    with pytest.raises(LabelsError, match=f"system 'tiny': {ENGINES[protocol.engine]} gives only"):
        measure(tiny_system(), IMAGE, protocol, FEW, "cpu")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("isdnet", "--optimized"), "leave --optimized out"),
        (("isdnet", "--smallest-budget"), "leave --smallest-budget out"),
        (("isdnet", "--precision", "bf16"), "leave --precision out"),
        (("unet-local",), "holds one patch pass, not the call that is timed"),
        (("glnet",), "system 'glnet': not one pass"),
    ],
)
def test_what_an_engine_does_not_measure_is_one_line(protocol, words, said, files, tmp_path, capsys):
    assert main(["measure", *words, "--engine", protocol.engine, "--device", "cpu", "--out", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())
