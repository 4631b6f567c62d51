"""CascadePSP's faster form: the maps and labels of the released one, with fewer multiplications."""

import pytest
import torch
from torch.nn import functional as F

from baselines.cascadepsp.early import EarlyCascadeNet, EarlyPooling, EarlyUpsample
from baselines.cascadepsp.net import CascadeNet, PyramidPooling, Upsample
from benchmark import registry
from benchmark.cost.flops import count
from tests.systems.architectures import stir

RELEASED, BATCHED = registry.card("cascadepsp"), registry.card("cascadepsp-batched")


def like(early, released):
    early.load_state_dict(released.state_dict())
    return early.eval()


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(0)
    released = CascadeNet().eval()
    stir(released)
    return released, like(EarlyCascadeNet(), released)


@pytest.mark.parametrize("size", [(1, 1), (7, 12), (15, 9)], ids=str)
@torch.inference_mode()
def test_pooling(size):
    released = PyramidPooling().eval()
    maps = torch.rand(2, 2048, *size)
    wanted = released(maps)
    torch.testing.assert_close(like(EarlyPooling(), released)(maps), wanted, rtol=0, atol=1e-5 * float(wanted.max()))


@torch.inference_mode()
def test_upsample():
    released = Upsample(16, 16 + 5, 8).eval()
    maps, skip = torch.randn(2, 16, 7, 9), torch.randn(2, 5, 13, 18)
    torch.testing.assert_close(like(EarlyUpsample(16, 16 + 5, 8), released)(maps, skip), released(maps, skip))


@pytest.mark.slow
@torch.inference_mode()
def test_all_outputs(nets):
    released, early = nets
    image, mask = torch.rand(2, 3, 72, 56), torch.sign(torch.randn(2, 1, 72, 56))
    found = early(image, mask)
    for name, wanted in released(image, mask).items():
        torch.testing.assert_close(found[name], wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()), msg=name)


@pytest.mark.slow
def test_labels_are_those_of_the_released_form():
    torch.manual_seed(0)
    released = registry.build(RELEASED.at(0.1), 3).eval()
    image = torch.rand(1, 3, 150, 130)
    with torch.no_grad():  # random weights give logits around 0.45: foreground everywhere, so that no crop runs
        released.net.final_21.bias.sub_(0.45)
        for parameter in released.net.final_21.parameters():
            parameter.mul_(10)
    batched = like(registry.build(BATCHED.at(0.1), 3), released)
    truth = torch.zeros(1, 150, 130, dtype=torch.long)
    truth[:, 40:, 30:] = 1
    truth[:, 90:, :60] = 2
    coarse = F.one_hot(truth, 3).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        wanted, found = released.refined(image, coarse), batched.refined(image, coarse)
    assert batched.work == released.work
    assert batched.work["crops"] > 1
    assert len(wanted.argmax(1).unique()) == 3
    assert float((found.argmax(1) == wanted.argmax(1)).float().mean()) > 0.999
    assert float((found - wanted).abs().max()) <= 1.01 / 255  # a probability may be cut to the next of 255 levels


def test_it_multiplies_less(nets):
    class Asked:
        def __init__(self, net):
            self.predict = lambda image: net(image, image[:, :1], image[:, :1])

    image = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        released, early = (count(Asked(net), image).flops for net in nets)
    assert 0.9 < early / released < 0.93
