"""Convolutions as products of tiles: equal to the direct ones up to rounding at any size, and put back unchanged."""

from types import MethodType

import pytest
import torch
from torch import nn

from benchmark import registry
from benchmark.cost import relu, winograd
from benchmark.cost.folding import Folding
from benchmark.cost.form import Form
from benchmark.cost.timed_system import TimedSystem
from benchmark.cost.winograd import Winograd, WinogradConv, fits
from tests.benchmark.cost.test_folding import SIZE, settled
from tests.benchmark.cost.test_measure import IMAGE, protocol
from tests.benchmark.tiny import CARD, TinySystem

CLOSE = 3e-5  # of the largest output; half of float32's digits is 3e-4


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (4, 4), (7, 5), (39, 39), (16, 33)])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_it_is_the_convolution(size, dilation, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 96, 3, padding=dilation, dilation=dilation, bias=bias)
    image = torch.randn(2, 64, *size).contiguous(memory_format=torch.channels_last)
    own, made = conv(image), WinogradConv(conv)(image)
    assert made.shape == own.shape
    assert float((made - own).abs().max() / own.abs().max()) < CLOSE


@torch.inference_mode()
def test_it_computes_the_relu_that_its_convolution_computes():
    conv, image = (
        nn.Conv2d(64, 64, 3, padding=1),
        torch.randn(1, 64, 9, 11).contiguous(memory_format=torch.channels_last),
    )
    own = conv(image)
    vars(conv)["forward"] = MethodType(relu._conv_relu, conv)
    torch.testing.assert_close(WinogradConv(conv)(image), own.relu(), rtol=0, atol=CLOSE * float(own.abs().max()))


@pytest.mark.parametrize(
    ("how", "fitting"),
    [
        ({"padding": 1}, True),
        ({"padding": 4, "dilation": 4}, True),
        ({"padding": 0}, False),
        ({"padding": 1, "stride": 2}, False),
        ({"padding": 1, "groups": 64}, False),
        ({"padding": 3, "dilation": 3}, False),
        ({"padding": 1, "padding_mode": "reflect"}, False),
    ],
)
def test_what_fits(how, fitting):
    assert fits(nn.Conv2d(64, 64, 3, **how)) is fitting
    assert not fits(nn.Conv2d(32, 64, 3, padding=1))
    assert not fits(nn.Conv2d(64, 64, 1))


class Wide(TinySystem):
    """One layer that fits, used at two sizes."""

    def __init__(self, card=CARD, num_classes=7):
        super().__init__(card, num_classes)
        self.enter, self.wide = nn.Conv2d(3, 64, 1), nn.Conv2d(64, 64, 3, padding=1)
        self.leave = nn.Conv2d(64, num_classes, 1)

    def forward(self, image):
        made = self.wide(self.enter(image))
        return self.leave(made + nn.functional.interpolate(self.wide(made[..., ::2, ::2]), made.shape[-2:]))


@pytest.mark.parametrize("faster", [True, False])
def test_a_layer_is_replaced_where_it_is_faster_and_put_back(faster, monkeypatch):
    monkeypatch.setattr(winograd, "_is_faster", lambda *_: faster)
    one = TimedSystem(Wide().eval(), IMAGE, protocol(optimized=True), "cpu")
    own, conv = one.system.predict(one.batch), one.system.wide
    with torch.inference_mode():
        one.take(Form(True, folded=True, winograd=True))
        assert isinstance(one.system.wide, WinogradConv) is faster
        assert float((one.system.predict(one.batch) == own).float().mean()) >= 0.999
        one.take(Form(True, folded=True))
        assert one.system.wide is conv
        one.take(Form(True, folded=True, winograd=True))
        one.take(Form())
        assert one.system.wide is conv
        assert torch.equal(one.system.predict(one.batch), own)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["isdnet", "stdc", "unet-local", "pspnet", "fcn8s-global", "glnet", "magnet"])
def test_systems_keep_their_labels(name, monkeypatch):
    monkeypatch.setattr(winograd, "_is_faster", lambda *_: True)  # every layer that fits
    torch.manual_seed(0)
    system = settled(registry.build(registry.card(name).at(0.1), 7).inference_form()).to(
        memory_format=torch.channels_last
    )
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        labels = system.predict(image)
        Folding(system, image).switch(folded=True)
        replacing = Winograd(system, image)
        assert len(replacing.replaced) >= 8
        replacing.switch(on=True)
        assert float((system.predict(image) == labels).float().mean()) >= 0.999
