import os
from dataclasses import replace

import pytest
import torch

from benchmark.machine.torch_settings import CUBLAS_SETTING, SWITCHES, ProtocolError, measurement_mode
from results.cell import Protocol


def protocol(**changes):
    return Protocol(kind="cost", height=8, width=8, **changes)


def state():
    return [switch.read() for switch in SWITCHES] + [torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")]


EVERYTHING = {"tf32": True, "cudnn_benchmark": True, "deterministic": True, "threads": 2, "precision": "bf16"}


def test_all_fields_are_set_and_all_are_restored():
    before = state()
    with measurement_mode(protocol(**EVERYTHING), "cpu"):
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.deterministic
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ[CUBLAS_SETTING] == ":4096:8"
        assert torch.get_num_threads() == 2
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16
    assert state() == before


def test_what_the_user_had_set_is_overruled_inside_and_back_afterwards(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    torch.set_float32_matmul_precision("medium")
    try:
        with measurement_mode(protocol(), "cpu"):
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cudnn.benchmark
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.benchmark
    finally:
        torch.set_float32_matmul_precision("highest")


def test_state_is_restored_after_an_error():
    before = state()
    with pytest.raises(ZeroDivisionError), measurement_mode(protocol(**EVERYTHING), "cpu"):
        _ = 1 / 0
    assert state() == before


def test_no_threads_in_the_protocol_leaves_them_alone():
    before = torch.get_num_threads()
    with measurement_mode(protocol(threads=None), "cpu"):
        assert torch.get_num_threads() == before


def test_full_precision_overrules_an_autocast_around_it():
    with torch.autocast("cpu", torch.bfloat16), measurement_mode(protocol(), "cpu"):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32


def test_a_setting_that_does_not_take_is_an_error_and_the_rest_is_restored(monkeypatch):
    before, threads = state(), torch.get_num_threads()
    deaf = replace(SWITCHES[-1], write=lambda _: None)
    monkeypatch.setattr("benchmark.machine.torch_settings.SWITCHES", [*SWITCHES[:-1], deaf])
    mode = measurement_mode(protocol(threads=threads + 1, tf32=True), "cpu")
    with pytest.raises(ProtocolError, match=f"'threads' requests {threads + 1}, but torch uses {threads}"):
        mode.__enter__()
    assert state() == before


def test_autocast_that_the_device_refuses_is_an_error(monkeypatch):
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    with (
        pytest.raises(ProtocolError, match="'precision' requests"),
        measurement_mode(protocol(precision="fp16"), "cpu"),
    ):
        pass
