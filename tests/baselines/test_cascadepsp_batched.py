"""CascadePSP's faster form: the maps and labels of the released one, with fewer multiplications and less memory."""

import pytest
import torch
from torch.nn import functional as F

from baselines.cascadepsp.early import EarlyCascadeNet, EarlyPooling, EarlyUpsample
from baselines.cascadepsp.net import CascadeNet, PyramidPooling, Upsample
from baselines.cascadepsp.steps import MaskRefiner, Steps
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


class Blurred(torch.nn.Module):
    """A net that answers with the mask smoothed, crop by crop, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, image, mask, coarse=None):
        self.sizes.append(len(image))
        answer = F.avg_pool2d(3 * mask + image.mean(1, keepdim=True), 5, stride=1, padding=2)
        return {"s1": answer, "s4_3": answer}


def test_crops_that_go_in_together_give_what_each_gives_alone():
    image = torch.rand(1, 3, 130, 90, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(1, 1, 130, 90)
    mask[..., 70:, 30:] = -1
    one, three = (MaskRefiner(Blurred(), Steps(side=48, stride=24, margin=2), count) for count in (1, 3))
    assert torch.equal(one.refined(image, mask), three.refined(image, mask))
    assert vars(one.work) == vars(three.work)
    crops = one.work.crops
    assert one.net.sizes == [1] * (1 + crops)
    assert three.net.sizes == [1, *[3] * (crops // 3), *[crops % 3] * (crops % 3 > 0)]
    assert crops > 3


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


def test_budget():
    """One crop of the paper's size; several of a tenth of it."""
    crops = [registry.build(card, 3).crops_at_once(torch.empty(1, 3, 2448, 2448)) for card in (BATCHED, RELEASED)]
    assert crops == [1, 1]
    assert registry.build(BATCHED.at(0.1), 3).crops_at_once(torch.empty(1, 3, 245, 245)) > 4


def test_it_multiplies_less(nets):
    class Asked:
        def __init__(self, net):
            self.predict = lambda image: net(image, image[:, :1], image[:, :1])

    image = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        released, early = (count(Asked(net), image).flops for net in nets)
    assert 0.9 < early / released < 0.93
