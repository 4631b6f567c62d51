"""Weights files of every kind that users have, and every way in which they are broken."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open

from benchmark.atomic import WriteError
from benchmark.errors import UserError
from benchmark.weights.files import WeightsError, load_state, load_weights, save_weights
from tests.benchmark.tiny import CARD, TinySystem, tiny_system

STATE = {"layer.weight": torch.arange(600.0).view(20, 30), "layer.bias": torch.ones(20)}


class Harmful:
    """Runs a shell command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        load_state(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s, "meta": {"epoch": 3}}, lambda s: {"model": s}]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_torch_files_in_all_wrappings(tmp_path, legacy, wrap, prefix):
    path = tmp_path / "weights.tar"
    content = wrap({prefix + name: value for name, value in STATE.items()})
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    loaded = load_state(path)
    assert list(loaded) == list(STATE)
    assert all(torch.equal(loaded[name], STATE[name]) for name in STATE)


def test_a_prefix_that_not_all_keys_have_is_a_name(tmp_path):
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.pth")
    assert set(load_state(tmp_path / "w.pth")) == {"module.a", "b"}


def test_numpy_scalars_beside_the_weights_are_harmless(tmp_path):
    torch.save({"state_dict": STATE, "best": np.float64(71.2), "step": np.int64(3)}, tmp_path / "w.pth")
    assert set(load_state(tmp_path / "w.pth")) == set(STATE)


@pytest.mark.parametrize("way", ["torch zip", "torch legacy", "pickle"])
def test_a_pickle_with_code_is_not_run_and_the_message_says_why(tmp_path, way):
    path, trace = tmp_path / "w.pth", tmp_path / "trace"
    content = {"state_dict": STATE, "extra": Harmful(f"touch {trace}")}
    if way == "pickle":
        path.write_bytes(pickle.dumps(content["extra"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "torch zip")
    message = refusal(path)
    assert "not loaded" in message
    assert "would run" in message
    assert not trace.exists()


def test_a_whole_pickled_model_is_not_loaded(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pth")
    assert "torch.nn.modules.linear.Linear" in refusal(tmp_path / "w.pth")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>Virus scan warning", b"\n <html><body>quota", b"<HEAD>"])
def test_a_web_page_is_recognised(tmp_path, page):
    (tmp_path / "w.pth").write_bytes(page + b" " * 5000)
    assert "HTML page" in refusal(tmp_path / "w.pth")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_files(tmp_path, kind, share):
    path = tmp_path / "w.bin"
    if kind == "safetensors":
        save_weights(path, tiny_system(), "paper", "tiny")
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: max(int(len(content) * share), 0)])
    assert "truncated" in refusal(path)


def test_a_missing_file_and_a_folder(tmp_path):
    assert "no such weights file" in refusal(tmp_path / "w.pth")
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("content", [[torch.ones(1)], {}, {"state_dict": {}}, torch.ones(3), 7])
def test_what_is_no_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    assert "no state dict" in refusal(tmp_path / "w.pth")


def test_an_entry_that_is_no_tensor_is_named(tmp_path):
    torch.save({"a": torch.ones(1), "epoch": 3}, tmp_path / "w.pth")
    assert "'epoch' is not a tensor" in refusal(tmp_path / "w.pth")


def test_saved_weights_come_back_with_their_metadata(tmp_path):
    path = tmp_path / "deep" / "w.safetensors"
    system, other = tiny_system(), TinySystem()
    save_weights(path, system, "paper", "deepglobe")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    expected = {"system": "tiny", "num_classes": "3", "recipe": "paper", "dataset": "deepglobe"}
    assert expected.items() <= metadata.items()
    assert len(metadata["card_hash"]) == 12
    assert not torch.equal(system.head.weight, other.head.weight)
    load_weights(path, other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in system.state_dict().items())


class Renamed(TinySystem):
    def __init__(self, **changes):
        super().__init__(CARD.__class__(**{**CARD.__dict__, **changes}))


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (Renamed(name="other"), "weights of system 'tiny', not of 'other'"),
        (TinySystem(num_classes=5), "weights for 3 classes, but this dataset has 5"),
    ],
)
def test_weights_of_another_system_or_class_count(tmp_path, system, message):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_system(), "paper", "tiny")
    before = system.head.weight.clone()
    with pytest.raises(WeightsError, match=message):
        load_weights(path, system)
    assert torch.equal(system.head.weight, before)


def test_a_bare_state_dict_must_fit_and_the_message_names_the_first_misfit(tmp_path):
    path = tmp_path / "w.pth"
    good = tiny_system().state_dict()
    torch.save(good, path)
    load_weights(path, TinySystem())
    cases = {
        "lacks 'head.bias'": {name: value for name, value in good.items() if name != "head.bias"},
        "unknown entry 'tail'": {**good, "tail": torch.ones(1)},
        r"'head.bias' has shape \(4,\), expected \(3,\)": {**good, "head.bias": torch.ones(4)},
    }
    for message, state in cases.items():
        torch.save(state, path)
        with pytest.raises(WeightsError, match=message):
            load_weights(path, TinySystem())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_system(), "paper", "tiny")
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left on device"):
        save_weights(path, TinySystem(), "paper", "tiny")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
