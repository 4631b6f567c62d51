"""A system that is published in several files, one for each stage of its training."""

import pytest
import torch

from benchmark import registry
from benchmark.errors import WeightsError
from benchmark.spec import SystemSpec
from benchmark.weights.convert import convert
from benchmark.weights.files import load_weights
from tests.benchmark.tiny import CARD, TinySystem


@pytest.fixture
def published(monkeypatch):
    """The tiny system in two files: the body alone, then the whole net under a prefix."""
    keys = {
        "first.pth": lambda key: key if key.startswith("body.") else None,
        "second.pth": lambda key: key.removeprefix("net."),
    }
    monkeypatch.setattr(registry, "spec", lambda name: SystemSpec(CARD, TinySystem, keys))
    monkeypatch.setattr(registry, "build", TinySystem)


def write(folder, second):
    """Both files, from nets of other weights; ``second`` says which keys the second one holds."""
    torch.manual_seed(4)
    early, late = TinySystem().state_dict(), TinySystem().state_dict()
    torch.save(early, folder / "first.pth")
    torch.save({f"net.{key}": value for key, value in late.items() if second(key)}, folder / "second.pth")
    return early, late, [folder / "first.pth", folder / "second.pth"]


@pytest.mark.parametrize("part", ["head.", ""])
def test_a_later_file_goes_over_an_earlier_one(part, published, tmp_path):
    early, late, files = write(tmp_path, lambda key: key.startswith(part))
    done = convert(CARD, files, tmp_path / "out.safetensors")
    assert set(done.dropped) == {"head.weight", "head.bias"}
    assert (done.num_classes, done.missing, done.unused) == (3, (), ())
    system = TinySystem()
    load_weights(tmp_path / "out.safetensors", system)
    for key, value in system.state_dict().items():
        assert torch.equal(value, (late if key.startswith(part) else early)[key]), key


def test_the_number_of_files_is_checked_and_they_are_named_in_order(published, tmp_path):
    *_, files = write(tmp_path, lambda key: True)
    with pytest.raises(WeightsError, match=r"'tiny': 1 published files given; name these in order: first.pth, second"):
        convert(CARD, files[:1], tmp_path / "out.safetensors")


def test_an_error_names_all_files(published, tmp_path):
    *_, files = write(tmp_path, lambda key: key != "head.weight" and key.startswith("head."))
    with pytest.raises(WeightsError, match=r"first\.pth, .*second\.pth: a checkpoint of another net: it lacks 'head"):
        convert(CARD, files, tmp_path / "out.safetensors")


def test_files_under_their_published_names_come_in_any_order(published, tmp_path):
    _, late, files = write(tmp_path, lambda key: True)
    convert(CARD, files[::-1], tmp_path / "out.safetensors")
    system = TinySystem()
    load_weights(tmp_path / "out.safetensors", system)
    assert all(torch.equal(value, late[key]) for key, value in system.state_dict().items())
