"""Cost cells of ONNX Runtime: the file answers the timed calls, under a protocol of its own."""

import numpy as np
import pytest

from benchmark.cli import main
from benchmark.cost import onnx_engine, roofline
from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import LabelsError, measure, sample
from results.cell import Protocol
from tests.benchmark.tiny import tiny_system

FEW = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=0.5, max_warmup=2)
HALF = SpeedSettings(min_samples=10, max_samples=10, seconds_budget=60, max_warmup=2, processes=2)
IMAGE = np.random.default_rng(5).integers(0, 256, (200, 264, 3), dtype=np.uint8)
ONNX = Protocol(
    kind="cost", height=200, width=264, threads=1, engine="onnx", timed_regions=("logits", "predict", "end_to_end")
)


@pytest.fixture
def files(monkeypatch):
    """The sessions that were opened, by whether they have an arena; small ceilings."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 1)
    opened, real = [], onnx_engine.open_onnx

    def recorded(file, threads, *, arena):
        opened.append((threads, arena))
        return real(file, threads, arena=arena)

    monkeypatch.setattr(onnx_engine, "open_onnx", recorded)
    return opened


def test_the_engine_is_another_protocol_and_torch_changes_no_hash():
    plain = ONNX.model_copy(update={"engine": "torch"})
    assert plain.hash == Protocol(**plain.model_dump(exclude={"engine"})).hash
    assert plain.hash != ONNX.hash


@pytest.mark.slow
def test_onnx_runtime_answers_the_timed_calls_and_the_scored_one(files):
    first = sample(tiny_system(), IMAGE, ONNX, HALF, "cpu")
    made = measure(tiny_system(), IMAGE, ONNX, HALF, "cpu", earlier=[first])
    assert [samples.region for samples in made.samples] == ["predict", "end_to_end"]
    assert made.regions_absent == {"logits": "ONNX Runtime answers the entire call, from image to labels"}
    assert files == [(1, True), (1, True), (1, False)]
    assert made.labels_hash == made.scored_labels_hash == first.labels_hash
    assert made.labels_kept > 99.9
    assert made.work == {"passes": 1}
    assert made.flops == 2 * (27 * 8 + 8 * 3) * 100 * 132
    # the label map alone is 0.05 MiB; an arena that keeps its memory would show less than the net's maps
    assert made.memory.host_peak_over_idle_mib.mib > 8 * 100 * 132 * 4 / 2**20


@pytest.mark.slow
def test_other_labels_than_torchs_are_a_failure(files, monkeypatch):
    real = onnx_engine.open_onnx
    monkeypatch.setattr(onnx_engine, "open_onnx", lambda *a, **k: lambda image: (real(*a, **k)(image) + 1) % 3)
    with pytest.raises(LabelsError, match="system 'tiny': ONNX Runtime gives only"):
        measure(tiny_system(), IMAGE, ONNX, FEW, "cpu")


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
def test_what_onnx_runtime_does_not_measure_is_one_line(words, said, files, tmp_path, capsys):
    assert main(["measure", *words, "--engine", "onnx", "--device", "cpu", "--out", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())
