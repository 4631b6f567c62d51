"""Published checkpoints through the command line, from files made here in the publishers' layouts."""

import pytest
import torch

from benchmark import registry
from benchmark.cli import main
from benchmark.weights.files import load_weights, trained_on


def published(system):
    """The state dict as mmsegmentation publishes it."""
    return {key.removeprefix("net."): value for key, value in system.state_dict().items()}


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(1)
    return registry.build(registry.card("bisenetv2"), 19)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bisenetv1", "bisenetv2", "deeplabv3", "icnet", "pspnet", "segformer-b0", "stdc"])
def test_a_published_checkpoint_keeps_every_tensor(name, tmp_path, capsys):
    torch.manual_seed(1)
    system, other = (registry.build(registry.card(name), 19) for _ in range(2))
    torch.save({"meta": {"epoch": 1}, "state_dict": published(system)}, tmp_path / "official.pth")
    out = tmp_path / "ours.safetensors"
    assert main(["convert", name, str(tmp_path / "official.pth"), str(out)]) == 0
    assert "19 classes" in capsys.readouterr().out
    assert trained_on(out) == "cityscapes"
    load_weights(out, other)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in system.state_dict().items())


def test_auxiliary_heads_may_be_missing_and_are_named(system, tmp_path, capsys):
    state = {key: value for key, value in published(system).items() if not key.startswith("auxiliary_head")}
    torch.save(state, tmp_path / "official.pth")
    assert main(["convert", "bisenetv2", str(tmp_path / "official.pth"), str(tmp_path / "ours.safetensors")]) == 0
    assert "missing and left as built" in capsys.readouterr().out


@pytest.mark.slow
def test_a_layer_without_bias_gets_a_bias_of_zero(system, tmp_path):
    state = published(system)
    state = {key: value for key, value in state.items() if key != "decode_head.conv_seg.bias"}
    torch.save(state, tmp_path / "official.pth")
    assert main(["convert", "bisenetv2", str(tmp_path / "official.pth"), str(tmp_path / "ours.safetensors")]) == 0
    other = registry.build(registry.card("bisenetv2"), 19)
    load_weights(tmp_path / "ours.safetensors", other)
    assert not other.net.decode_head.conv_seg.bias.any()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "an HTML page"),
        (b"PK\x03\x04 cut short", "truncated"),
        (None, "a checkpoint of another net"),
    ],
)
def test_a_file_of_something_else_is_one_line(content, wanted, tmp_path, capsys):
    file = tmp_path / "official.pth"
    if content is None:
        torch.save({"backbone.conv1.weight": torch.zeros(1)}, file)
    else:
        file.write_bytes(content)
    assert main(["convert", "bisenetv2", str(file), str(tmp_path / "ours.safetensors")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert wanted in line
    assert str(file) in line
    assert not (tmp_path / "ours.safetensors").exists()


def test_a_refiner_on_a_base_without_key_map_is_one_line(tmp_path, capsys):
    torch.save({}, tmp_path / "a.pth")
    files = [str(tmp_path / "a.pth"), str(tmp_path / "a.pth")]
    assert main(["convert", "segfix(base=fcn8s-global)", *files, str(tmp_path / "o.safetensors")]) == 2
    assert "system 'fcn8s-global': no key map is known" in capsys.readouterr().err


def test_published_files_in_another_order_are_one_line(tmp_path, capsys):
    """They have the same keys, so that nothing else would tell; one of them has lost its published name."""
    names = ("all.epoch.pth", "B15.epoch.pth", "renamed.pth")
    for name in names:
        torch.save({"pool3.0.weight": torch.zeros(1)}, tmp_path / name)
    assert main(["convert", "fctl-inria", *(str(tmp_path / name) for name in names), str(tmp_path / "out")]) == 2
    assert "B15.epoch.pth is in the place of B10.epoch.pth; name these in order: all.epoch.pth, B10.epoch.pth" in (
        capsys.readouterr().err
    )
