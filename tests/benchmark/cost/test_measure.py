import hashlib
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.card import CustomInference, Downsampled, SlidingWindow, WholeImage
from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import LabelsError, measure, sample
from benchmark.cost.timed_system import TimedSystem
from benchmark.machine.gpu import GpuMonitor, GpuReading
from benchmark.machine.oom import ResourceExhaustedError
from benchmark.machine.torch_settings import SWITCHES, ProtocolError
from benchmark.parts import part
from benchmark.prediction import to_batch
from results.cell import Protocol, Region
from results.record import Cost, Telemetry
from tests.benchmark.tiny import CARD, TinySystem, tiny_system

FEW = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=0.5, max_warmup=2)
HALF = SpeedSettings(min_samples=10, max_samples=10, seconds_budget=60, max_warmup=2, processes=2)
IMAGE = np.random.default_rng(5).integers(0, 256, (40, 56, 3), dtype=np.uint8)
IMAGE.setflags(write=False)
REGIONS = ("logits", "predict", "end_to_end")
pytestmark = pytest.mark.usefixtures("small_ceilings")


def protocol(**changes):
    return Protocol(kind="cost", **{"height": 40, "width": 56, "timed_regions": REGIONS, **changes})


def cost(system, **changes):
    return measure(system, IMAGE, protocol(**changes), FEW, "cpu")


def test_every_field_of_the_cost_is_filled_or_says_why_not():
    made = cost(tiny_system())
    assert Cost.model_validate_json(made.model_dump_json()) == made
    assert tuple(samples.region for samples in made.samples) == REGIONS
    assert made.fps == pytest.approx(1000 / made.samples[1].median_ms)
    assert made.flops == 2 * (27 * 8 + 8 * 3) * 20 * 28
    on_host = {"host_peak_over_idle_mib", "weights_mib", "host_peak_with_weights_mib"}
    readings = dict(made.memory)
    assert all(readings.pop(name).mib > 0 for name in on_host)
    assert all((reading.mib, reading.reason) == (None, "the run used no GPU") for reading in readings.values())
    assert made.telemetry == Telemetry(reason="the run used no GPU")
    assert [samples.throttled for samples in made.samples] == [None] * 3
    assert made.bytes_moved > 0
    assert made.roofline_fraction > 0


def test_the_hash_is_that_of_the_labels_which_the_same_call_gives_when_scored():
    system = tiny_system().eval()
    with torch.inference_mode():
        labels = system.predict(to_batch(IMAGE.copy(), "cpu"))[0].numpy()
    made = cost(tiny_system())
    assert made.labels_hash == made.scored_labels_hash == hashlib.sha256(labels.tobytes()).hexdigest()


def test_parts_are_of_the_call_that_scoring_uses(monkeypatch):
    assert cost(tiny_system()).parts_ms == {}
    system = tiny_system()
    whole = system.logits

    def in_parts(batch):
        with part("base"):
            return whole(batch)

    monkeypatch.setattr(system, "logits", in_parts)
    made = cost(system)
    assert list(made.parts_ms) == ["base", "rest"]
    assert min(made.parts_ms.values()) > 0


def test_labels_that_differ_from_those_that_are_scored_fail_the_cell(monkeypatch):
    other = np.zeros(IMAGE.shape[:2], np.uint8)
    monkeypatch.setattr("benchmark.cost.timed_system.predicted", lambda *_, **__: other)
    with pytest.raises(
        LabelsError, match="'tiny': predict returns different labels when it is scored than when it is timed"
    ):
        cost(tiny_system())


def test_labels_of_an_earlier_process_must_be_the_same():
    first = sample(tiny_system(), IMAGE, protocol(), HALF, "cpu")
    changed = first.model_copy(update={"labels_hash": "0" * 64})
    with pytest.raises(LabelsError, match="different labels for the same image"):
        measure(tiny_system(), IMAGE, protocol(), HALF, "cpu", earlier=[changed])
    chosen_by_timing = protocol(cudnn_benchmark=True)
    measure(tiny_system(), IMAGE, chosen_by_timing, HALF, "cpu", earlier=[changed])


def test_two_processes_share_the_samples_and_the_last_keeps_them_apart():
    first = sample(tiny_system(), IMAGE, protocol(), HALF, "cpu")
    made = measure(tiny_system(), IMAGE, protocol(), HALF, "cpu", earlier=[first])
    for samples, taken in zip(made.samples, first.samples, strict=True):
        assert samples.rounds == (5, 5)
        assert samples.latencies_ms[:5] == taken.latencies_ms
        assert samples.warmup_samples == 4


def test_the_official_region_gives_the_headline_and_labels_are_still_checked():
    made = cost(tiny_system(), timed_regions=("full_logits",))
    assert made.headline.region == "full_logits"
    assert made.fps == pytest.approx(1000 / made.samples[0].median_ms)
    assert made.labels_hash == made.scored_labels_hash != ""
    assert made.roofline_fraction is None


def test_a_throttled_gpu_flags_its_samples(monkeypatch):
    reading = GpuReading(sm_clock_mhz=1000, power_w=300, temperature_c=80, throttle_reasons=("power cap",))
    monkeypatch.setattr("benchmark.cost.measure.monitor_without_gpu", lambda reason: GpuMonitor(lambda: reading))
    made = cost(tiny_system(), timed_regions=("predict",))
    assert made.samples[0].throttled == tuple(range(6))
    assert made.telemetry.throttle_reasons == ("power cap",)
    assert made.telemetry.sm_clock_mhz.median == 1000


@pytest.mark.slow
def test_host_memory_is_what_the_call_allocates_the_weights_and_their_sum():
    class Hungry(TinySystem):
        def __init__(self):
            super().__init__()
            self.heavy = nn.Parameter(torch.ones(40 * 2**18))  # 40 MiB

        def logits(self, image):
            block = torch.ones(160 * 2**18)  # 160 MiB
            return super().logits(image) + block[-1] - 1

    memory = cost(Hungry()).memory
    assert memory.host_peak_over_idle_mib.mib == pytest.approx(160, rel=0.02)
    assert memory.weights_mib.mib == pytest.approx(40, rel=0.001)
    assert memory.host_peak_with_weights_mib.mib == memory.host_peak_over_idle_mib.mib + memory.weights_mib.mib


class Counting(TinySystem):
    """Keeps the shape of each input of its net."""

    def __init__(self, inference, **changes):
        super().__init__(replace(CARD, inference=inference, ratio=1.0, **changes))
        self.sizes = []

    def forward(self, image):
        self.sizes.append(tuple(image.shape))
        return super().forward(image)


@pytest.mark.parametrize(
    ("inference", "changes", "sizes"),
    [
        (WholeImage(), {}, {(1, 3, 40, 56)}),
        (WholeImage(), {"size_multiple": 32}, {(1, 3, 64, 64)}),
        (Downsampled(0.5), {}, {(1, 3, 20, 28)}),
        (SlidingWindow(patch=16, overlap=8, batch=6), {}, {(6, 3, 16, 16)}),
    ],
)
def test_forward_is_one_pass_on_the_first_input_of_the_procedure(inference, changes, sizes):
    system = Counting(inference, **changes)
    timed = TimedSystem(system, IMAGE, protocol(timed_regions=("forward", "logits", "predict")), "cpu")
    timed.prepare()
    assert system.sizes == []
    calls = timed.calls()
    with torch.inference_mode():
        calls["forward"].run()
    assert len(system.sizes) == 1
    assert set(system.sizes) == sizes
    assert timed.regions_absent == {}


def test_logits_is_the_entire_procedure():
    system = Counting(SlidingWindow(patch=16, overlap=8, batch=6))
    timed = TimedSystem(system, IMAGE, protocol(timed_regions=("forward", "logits", "predict")), "cpu")
    timed.prepare()
    with torch.inference_mode():
        timed.calls()["logits"].run()
    assert sum(batch for batch, *_ in system.sizes) == system.work["passes"] == 4 * 6


def test_a_procedure_of_its_own_has_no_single_pass_and_the_record_says_so():
    made = cost(Counting(CustomInference("two nets in turn")), timed_regions=("forward", "predict"))
    assert [samples.region for samples in made.samples] == ["predict"]
    assert made.regions_absent == {"forward": "the system's own inference procedure is not made of passes of one net"}


def test_a_procedure_that_never_calls_forward_has_no_single_pass():
    class Other(TinySystem):
        def logits(self, image):
            return self.head(self.body(image))

    made = cost(Other(), timed_regions=("forward", "predict"))
    assert made.regions_absent == {"forward": "the system's inference procedure does not call its forward"}


def test_all_regions_of_a_sliding_window_are_timed_in_their_order():
    made = cost(Counting(SlidingWindow(patch=16, overlap=8)), timed_regions=get_args(Region))
    assert tuple(samples.region for samples in made.samples) == get_args(Region)
    assert made.scored_labels_hash == made.labels_hash


def test_only_the_regions_of_the_protocol_are_timed():
    assert [samples.region for samples in cost(tiny_system(), timed_regions=("predict",)).samples] == ["predict"]


def test_modules_for_training_are_counted_and_then_taken_off():
    class Helped(TinySystem):
        def __init__(self):
            super().__init__()
            self.helper = nn.Linear(10, 10)

        def inference_form(self):
            self.helper = None
            return self

    made = cost(Helped())
    assert made.trained_parameters - made.parameters == 110


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "dtype", "layout"),
    [
        ({}, torch.float32, torch.contiguous_format),
        ({"channels_last": True}, torch.float32, torch.channels_last),
        ({"precision": "bf16"}, torch.bfloat16, torch.contiguous_format),
    ],
)
def test_precision_and_layout_reach_module_and_input(changes, dtype, layout):
    seen = []

    class Watched(TinySystem):
        def logits(self, image):
            made = super().logits(image)
            formats = [tensor.is_contiguous(memory_format=layout) for tensor in (image, self.body[0].weight)]
            seen.append((made.dtype, image.dtype, *formats, self.training))
            return made

    cost(Watched(), **changes)
    assert set(seen) == {(dtype, torch.float32, True, True, False)}


def test_a_compiled_protocol_compiles_before_timing(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "compile", lambda forward: lambda image: calls.append(1) or forward(image))
    made = cost(tiny_system(), compiled=True)
    assert len(calls) > made.headline.warmup_samples + len(made.headline.latencies_ms)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nmore"), MemoryError("full")])
def test_exhausted_memory_is_named_in_one_line_with_a_way_out(error):
    class Huge(TinySystem):
        def logits(self, image):
            raise error

    with pytest.raises(
        ResourceExhaustedError, match=r"^system 'tiny' at 40x56: not enough memory on cpu \(.*\); choose"
    ):
        cost(Huge())


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 41},
        {"batch": 2},
        {"timed_regions": ()},
        {"timed_regions": ("forward",)},
        {"timed_regions": ("predict", "x")},
    ],
)
def test_what_cannot_be_measured_under_a_protocol_is_refused(changes):
    with pytest.raises(ProtocolError):
        cost(tiny_system(), **changes)


def test_global_state_is_restored_even_when_the_system_fails():
    class Broken(TinySystem):
        def predict(self, image):
            raise KeyError("broken")

    before = [switch.read() for switch in SWITCHES]
    with pytest.raises(KeyError):
        cost(Broken(), threads=2, deterministic=True, tf32=True)
    assert [switch.read() for switch in SWITCHES] == before
    assert not torch.is_inference_mode_enabled()


def test_a_batch_is_the_image_over_255_and_leaves_the_image_alone():
    image = IMAGE.copy()
    batch = to_batch(image, "cpu", torch.channels_last)
    assert batch.shape == (1, 3, 40, 56)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(batch[0].permute(1, 2, 0).numpy(), image.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(image, IMAGE)


def test_work_is_that_of_the_timed_image():
    class Counted(TinySystem):
        def predict(self, image):
            labels = super().predict(image)
            self.work = {"points": round(float(image[0, 0, 0, 0]) * 255)}
            return labels

    assert cost(Counted()).work == {"points": int(IMAGE[0, 0, 0])}
