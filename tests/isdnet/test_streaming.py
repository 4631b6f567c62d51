"""ISDNet from top to bottom: the logits of the whole image."""

import pytest
import torch

from benchmark import registry
from isdnet import streaming
from tests.isdnet.nets import image, net

SIZES = [(1100, 64), (1031, 77), (1536, 48), (300, 61), (703, 40)]  # more than a strip, odd, whole strips, one strip


def stirred(name):
    """A net in eval mode whose attention and statistics are no longer those of a new one."""
    torch.manual_seed(0)
    system = net(name).eval()
    for key, value in [*system.named_parameters(), *system.named_buffers()]:
        if "running_mean" in key or key.endswith("alpha"):
            value.data.normal_(std=0.3)
        elif "running_var" in key:
            value.data.uniform_(0.5, 2)
    return system.inference_form()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["isdnet", "isdnet-paper"])
def test_logits_are_those_of_the_whole_image(name, size):
    system, pixels = stirred(name), image(*size)
    with torch.inference_mode():
        wanted = system.enlarged(system.logits(pixels), size)
        tops, parts = zip(*system.streamed(lambda top, count: pixels[:, :, top : top + count], size), strict=True)
    assert list(tops) == list(range(0, size[0], streaming.STRIP))
    found = torch.cat(parts, dim=2)
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= 1e-4 * float(wanted.abs().max())


@pytest.mark.parametrize("size", [(300, 61), (257, 40), (128, 33), (129, 32), (131, 48), (511, 36)], ids=str)
@pytest.mark.parametrize("name", ["isdnet", "isdnet-rgb"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_first_map_made_in_strips_is_that_of_the_whole_image(name, size, layout):
    system = stirred(name).to(memory_format=layout)
    pixels = image(*size, batch=2).contiguous(memory_format=layout)
    with torch.inference_mode():
        wanted = system.shallow.stage1(system.shallow_input(pixels))
        found = streaming.first_map(system, pixels)
    assert found.is_contiguous(memory_format=layout)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.max()))


def test_in_training_the_first_map_is_normalised_as_a_whole():
    """Without gradients too: so batch norm's statistics settle after a short run."""
    one, other, pixels = stirred("isdnet").train(), stirred("isdnet").train(), image(300, 61, batch=2)
    with torch.no_grad():
        assert torch.equal(one.first_map(pixels), other.shallow.stage1(other.shallow_input(pixels)))
    for mine, theirs in zip(one.shallow.stage1.buffers(), other.shallow.stage1.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_eight_rows_around_a_strip_are_too_few(monkeypatch):
    system, pixels = stirred("isdnet"), image(300, 61)
    monkeypatch.setattr(streaming, "INPUT_HALO", 8)
    with torch.inference_mode():
        wanted = system.shallow.stage1(system.shallow_input(pixels))
        assert not torch.allclose(system.first_map(pixels), wanted, rtol=0, atol=1e-5 * float(wanted.max()))


def test_half_the_halo_is_too_little(monkeypatch):
    system, pixels = stirred("isdnet"), image(1100, 64)
    monkeypatch.setattr(streaming, "HALO", streaming.HALO // 2)
    with torch.inference_mode():
        wanted = system.enlarged(system.logits(pixels), (1100, 64))
        parts = [part for _, part in system.streamed(lambda top, count: pixels[:, :, top : top + count], (1100, 64))]
    assert not torch.allclose(torch.cat(parts, dim=2), wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))


def test_which_systems_have_the_form():
    names = {
        name for name, spec in registry.specs().items() if "isdnet" in name and registry.build(spec.card, 2).streams
    }
    assert {"isdnet", "isdnet-paper"} <= names
    assert not registry.build(registry.card("stdc"), 2).streams
