"""The optimized form: the fastest that keeps the labels, the same in every process, named in the record."""

import numpy as np
import pytest
import torch

from benchmark.cost import optimized
from benchmark.cost.form import Form
from benchmark.cost.measure import measure, sample
from benchmark.cost.optimized import forms, optimize
from benchmark.cost.timed_system import TimedSystem
from tests.benchmark.cost.test_measure import FEW, HALF, IMAGE, protocol
from tests.benchmark.tiny import TinySystem, tiny_system

LAST = Form(channels_last=True)
TRIED = [Form(), LAST]


@pytest.fixture
def tried(monkeypatch):
    """Only channels-last is tried; it is ``tried.faster`` or not."""

    def call_ms(timed, form):
        timed.take(form)
        return 10.0 if form == Form() else 5.0 if call_ms.faster else 20.0

    call_ms.faster = True
    monkeypatch.setattr("benchmark.cost.measure.forms", lambda *_: TRIED)
    monkeypatch.setattr(optimized, "_call_ms", call_ms)
    return call_ms


def timed(system):
    return TimedSystem(system, IMAGE, protocol(optimized=True), "cpu")


def silent(*_):
    pass


@pytest.mark.parametrize("faster", [True, False])
def test_a_form_is_kept_only_if_it_is_faster(tried, faster):
    tried.faster = faster
    one = timed(tiny_system())
    kept = optimize(one, TRIED, silent)
    assert kept.labels == 1.0
    assert kept.turns_ms == (((10.0, 5.0),) * optimized.TURNS if faster else ())
    assert one.form == (LAST if faster else Form())
    assert one.batch.is_contiguous(memory_format=one.form.layout)


def test_a_form_that_changes_labels_is_not_kept(tried):
    class Other(TinySystem):
        def logits(self, image):
            made = super().logits(image)
            return made if image.is_contiguous() else made.flip(1)

    one = timed(Other())
    optimize(one, TRIED, silent)
    assert one.form == Form()


def test_a_form_that_cannot_run_is_not_kept(tried):
    class Broken(TinySystem):
        def logits(self, image):
            if not image.is_contiguous():
                raise RuntimeError("no such kernel")
            return super().logits(image)

    one = timed(Broken())
    optimize(one, TRIED, silent)
    assert one.form == Form()


def test_later_processes_take_the_form_of_the_first_and_the_record_names_it(tried):
    how = {"settings": HALF, "device": "cpu"}
    first = sample(tiny_system(), IMAGE, protocol(optimized=True), **how)
    tried.faster = False  # which nobody asks any more
    cost = measure(tiny_system(), IMAGE, protocol(optimized=True), **how, earlier=[first])
    assert (cost.form, cost.labels_kept) == ("channels-last", 100.0)
    assert cost.turns_ms == ((10.0, 5.0),) * optimized.TURNS
    assert cost.labels_hash == cost.scored_labels_hash == first.labels_hash


def test_forms_that_gain_only_one_after_another_are_measured_against_the_system_itself(tried, monkeypatch):
    ms = iter([9.7, 10.0] * optimized.TURNS + [10.0, 9.9] * optimized.TURNS)
    monkeypatch.setattr(optimized, "_call_ms", lambda *_: next(ms))
    one = timed(tiny_system())
    assert optimize(one, TRIED, silent) == optimized.Kept()
    assert one.form == Form()


def test_a_faithful_protocol_tries_nothing(monkeypatch):
    monkeypatch.setattr(optimized, "forms", lambda *_: pytest.fail("a form was tried"))
    assert measure(tiny_system(), IMAGE, protocol(), FEW, "cpu").form == ""


@pytest.mark.parametrize("form", [LAST, Form(precision="bf16")])
def test_a_form_reaches_the_weights_and_the_pass(form):
    seen = []

    class Watched(TinySystem):
        def forward(self, image):
            made = super().forward(image)
            seen.append((made.dtype, self.body[0].weight.is_contiguous(memory_format=form.layout)))
            return made

    one = timed(Watched())
    one.take(form)
    with torch.inference_mode(), one.autocast():
        one.system.predict(one.batch)
    assert seen == [(torch.bfloat16 if form.precision == "bf16" else torch.float32, True)]


def test_the_compiled_form_is_undone(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "compile", lambda forward: lambda image: calls.append(1) or forward(image))
    one = timed(tiny_system())
    own = one.system.predict(one.batch)
    for form, count in ((Form(compiled=True), 1), (Form(), 1), (Form(compiled=True), 2)):
        one.take(form)
        assert np.array_equal(one.system.predict(one.batch), own)
        assert len(calls) == count


def test_the_words_of_a_form():
    words = [form.words for form in (Form(), Form(True, True, "fp16"), Form(folded=True, fused=True, winograd=True))]
    assert words == ["as it is", "channels-last, compiled, fp16", "batch norm folded, ReLU fused, Winograd"]


def test_products_of_tiles_are_tried_on_a_cpu_in_full_precision_only():
    assert any(form.winograd for form in forms("cpu", "fp32"))
    assert not any(form.winograd for form in (*forms("cpu", "bf16"), *forms("cuda", "fp32")))
    assert all(form.channels_last and form.folded for form in forms("cpu", "fp32") if form.winograd)
