"""Folded batch norms: the same logits, undone without a trace, and only where the algebra allows it."""

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark import registry
from benchmark.cost.folding import Folding
from benchmark.cost.form import Form
from benchmark.cost.timed_system import TimedSystem
from tests.benchmark.cost.test_measure import IMAGE, protocol
from tests.benchmark.tiny import CARD, TinySystem

SIZE = (128, 160)


def settled(system):
    """Batch norms with statistics that do something."""
    generator = torch.Generator().manual_seed(3)
    for module in system.modules():
        if isinstance(module, _BatchNorm):
            for tensor in (module.running_mean, module.bias.data):
                tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
            for tensor in (module.running_var, module.weight.data):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return system.eval()


class Normed(TinySystem):
    """Two convolutions; the forward of subclasses decides which batch norm sees which."""

    def __init__(self, card=CARD, num_classes=7):
        super().__init__(card, num_classes)
        self.conv, self.norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.other, self.second = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, num_classes, 1)

    def forward(self, image):
        return self.last(self.norm(self.conv(image)).relu() + self.second(self.other(image)))


class NormOfInput(Normed):
    def forward(self, image):
        return self.last(self.norm(self.conv(image)).relu() + self.second(self.other(image).relu()))


class NormOfTwo(Normed):
    def forward(self, image):
        return self.last(self.norm(self.conv(image)) + self.norm(self.other(image)))


class ConvOfTwo(Normed):
    def forward(self, image):
        made = self.conv(image)
        return self.last(self.norm(made) + self.second(made))


class ReadBefore(Normed):
    def forward(self, image):
        made = self.conv(image)
        return self.last(self.norm(made).relu() + self.second(self.other(image)) + made)


class NormOfSum(Normed):
    def forward(self, image):
        made = self.conv(image)
        made += 1
        return self.last(self.norm(made).relu() + self.second(self.other(image)))


class SharedConv(Normed):
    def forward(self, image):
        return self.last(self.norm(self.conv(image)) + self.second(self.conv(image + 1)))


@pytest.mark.parametrize(
    ("kind", "folded"),
    [
        *((Normed, 2), (NormOfInput, 1), (NormOfTwo, 0), (ConvOfTwo, 0)),
        *((ReadBefore, 1), (NormOfSum, 1), (SharedConv, 0)),
    ],
)
def test_what_can_be_folded_is_and_nothing_else(kind, folded):
    torch.manual_seed(0)
    system, image = settled(kind()), torch.rand(1, 3, 24, 20)
    with torch.inference_mode():
        own = system.logits(image)
        folding = Folding(system, image)
        assert len(folding.pairs) == folded
        folding.switch(folded=True)
        assert (
            sum(isinstance(module, _BatchNorm) for module in system.modules()) == 3 - folded
        )  # one more of the tiny net, which is not used
        assert torch.allclose(system.logits(image), own, atol=1e-5)
        folding.switch(folded=False)
        assert torch.equal(system.logits(image), own)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["isdnet", "stdc", "bisenetv1", "unet-local", "pspnet", "glnet", "magnet", "pointrend", "cascadepsp"]
)
def test_systems_keep_their_labels(name):
    torch.manual_seed(0)
    system = settled(registry.build(registry.card(name).at(0.1), 7).inference_form())
    image, before = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)), len(list(system.modules()))
    with torch.inference_mode():
        own, labels = system.logits(image), system.predict(image)
        folding = Folding(system, image)
        folding.switch(folded=True)
        assert len(folding.pairs) > 10
        close = (system.logits(image) - own).abs() < 1e-3 * own.abs().max()
        assert float(close.float().mean()) >= 0.999  # MagNet takes the least certain points: a tie may go either way
        assert float((system.predict(image) == labels).float().mean()) >= 0.999
        folding.switch(folded=False)
        assert torch.equal(system.logits(image), own)
    assert len(list(system.modules())) == before


def test_a_form_folds_and_unfolds_and_the_parameters_stay_those_of_the_system():
    one = TimedSystem(settled(Normed()), IMAGE, protocol(optimized=True), "cpu")
    counted = one.parameters
    with torch.inference_mode():
        one.take(Form(channels_last=True, folded=True))
        assert isinstance(one.system.norm, nn.Identity)
        assert one.system.conv.weight.is_contiguous(memory_format=torch.channels_last)
        one.take(Form())
    assert isinstance(one.system.norm, nn.BatchNorm2d)
    assert one.parameters == counted == sum(p.numel() for p in one.system.parameters())
