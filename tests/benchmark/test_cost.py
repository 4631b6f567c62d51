import hashlib
import time

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.batch import to_batch
from benchmark.cost import LabelsError, measure
from benchmark.measurement_mode import SWITCHES, ProtocolError
from benchmark.out_of_memory import ResourceExhaustedError
from benchmark.speed import SpeedSettings
from results.record import Cost, Protocol
from tests.benchmark.tiny import TinySystem, tiny_system

FEW = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=0.5, max_warmup=2)
IMAGE = np.random.default_rng(5).integers(0, 256, (40, 56, 3), dtype=np.uint8)
IMAGE.setflags(write=False)
REGIONS = ("forward", "predict", "end_to_end")


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
    probes = made.memory.model_dump()
    assert probes.pop("peak_rss_over_idle_mb")["mib"] > 0
    assert all(probe["mib"] is None and probe["reason"] == "the run used no GPU" for probe in probes.values())


def test_the_hash_is_that_of_the_labels_which_the_same_call_gives_when_scored():
    system = tiny_system().eval()
    with torch.inference_mode():
        labels = system.predict(to_batch(IMAGE.copy(), "cpu"))[0].numpy()
    assert cost(tiny_system()).labels_hash == hashlib.sha256(labels.tobytes()).hexdigest()


def test_a_system_that_sleeps_is_measured_within_two_percent_in_each_region():
    class Sleepy(TinySystem):
        def logits(self, image):
            time.sleep(0.1)
            return super().logits(image)

    settings = SpeedSettings(min_samples=9, max_samples=9, seconds_budget=3, max_warmup=2)
    made = measure(Sleepy(), IMAGE, protocol(threads=1), settings, "cpu")
    medians = {samples.region: samples.median_ms for samples in made.samples}
    assert medians == pytest.approx(dict.fromkeys(REGIONS, 100), rel=0.02)


def test_host_memory_is_weights_and_what_the_call_allocates_within_two_percent():
    class Hungry(TinySystem):
        def __init__(self):
            super().__init__()
            self.heavy = nn.Parameter(torch.ones(40 * 2**18))  # 40 MiB

        def logits(self, image):
            block = torch.ones(160 * 2**18)  # 160 MiB
            return super().logits(image) + block[-1] - 1

    assert cost(Hungry()).memory.peak_rss_over_idle_mb.mib == pytest.approx(200, rel=0.02)


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
    events = []
    monkeypatch.setattr(TinySystem, "compile", lambda self: events.append("compile"))
    cost(tiny_system(), compiled=True)
    assert events == ["compile"]


def test_other_labels_for_the_same_image_are_an_error():
    class Fickle(TinySystem):
        def logits(self, image):
            return torch.rand(1, 3, 20, 28)

    with pytest.raises(LabelsError, match="'tiny': predict returned other labels for the same image"):
        cost(Fickle())


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (torch.zeros(1, 40, 56, dtype=torch.int64), r"torch.int64 \(1, 40, 56\)"),
        (torch.zeros(1, 20, 28, dtype=torch.uint8), r"torch.uint8 \(1, 20, 28\)"),
    ],
)
def test_labels_that_break_the_contract_are_an_error(labels, found):
    class Wrong(TinySystem):
        def predict(self, image):
            return labels

    with pytest.raises(LabelsError, match=f"predict returned {found}; it must return"):
        cost(Wrong())


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nmore"), MemoryError("full")])
def test_exhausted_memory_is_named_in_one_line_with_a_way_out(error):
    class Huge(TinySystem):
        def logits(self, image):
            raise error

    with pytest.raises(ResourceExhaustedError, match=r"^system 'tiny' at 40x56: not enough memory on cpu \(.*\); take"):
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
