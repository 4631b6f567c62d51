"""ReLUs computed by convolutions: the same logits up to rounding, undone without a trace, only where they may be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmark import registry
from benchmark.cost.folding import Folding
from benchmark.cost.form import Form
from benchmark.cost.relu import ReluFusion
from benchmark.cost.timed_system import TimedSystem
from tests.benchmark.cost.test_folding import SIZE, settled
from tests.benchmark.cost.test_measure import IMAGE, protocol
from tests.benchmark.tiny import CARD, TinySystem

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")


class Activated(TinySystem):
    """A convolution and a ReLU; subclasses differ in what stands between and beside them."""

    def __init__(self, card=CARD, num_classes=7):
        super().__init__(card, num_classes)
        self.conv, self.relu = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(inplace=True)
        self.other = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect", stride=2)
        self.last = nn.Conv2d(8, num_classes, 1)

    def forward(self, image):
        return self.last(self.relu(self.conv(image)))


class OfTwo(Activated):
    def forward(self, image):
        return self.last(self.relu(self.conv(image)) + self.relu(self.other(image)))


class OfSum(Activated):
    def forward(self, image):
        return self.last(self.relu(self.conv(image) + self.other(image)))


class OfSumInPlace(Activated):
    def forward(self, image):
        made = self.conv(image)
        made += self.other(image)
        return self.last(self.relu(made))


class ReadTwice(Activated):
    def forward(self, image):
        made = self.conv(image)
        return self.last(nn.functional.sigmoid(made) + self.relu(made))


class CalledTwice(Activated):
    def forward(self, image):
        return self.last(self.conv(image + 1).sigmoid() + self.relu(self.conv(image)))


class Reflected(Activated):
    def forward(self, image):
        return self.last(self.relu(self.other(image)))


@pytest.mark.parametrize(
    ("kind", "fused"),
    [(Activated, 1), (OfTwo, 0), (OfSum, 0), (OfSumInPlace, 0), (ReadTwice, 0), (CalledTwice, 0), (Reflected, 0)],
)
def test_what_can_be_fused_is_and_nothing_else(kind, fused):
    torch.manual_seed(0)
    system, image = kind().eval(), torch.rand(1, 3, 25, 20)
    with torch.inference_mode():
        own = system.logits(image)
        fusion = ReluFusion(system, image)
        assert len(fusion.pairs) == fused
        fusion.switch(on=True)
        assert isinstance(system.relu, nn.Identity) == bool(fused)
        torch.testing.assert_close(system.logits(image), own)
        fusion.switch(on=False)
        assert isinstance(system.relu, nn.ReLU)
        assert torch.equal(system.logits(image), own)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["isdnet", "stdc", "bisenetv1", "unet-local", "pspnet", "glnet", "cascadepsp"])
def test_systems_keep_their_logits(name):
    torch.manual_seed(0)
    system = settled(registry.build(registry.card(name).at(0.1), 7).inference_form())
    system.to(memory_format=torch.channels_last)
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        Folding(system, image).switch(folded=True)
        own = system.logits(image)
        fusion = ReluFusion(system, image)
        fusion.switch(on=True)
        assert len(fusion.pairs) >= 3
        torch.testing.assert_close(system.logits(image), own, rtol=0, atol=1e-5 * float(own.abs().max()))


def test_forms_change_into_each_other_and_back():
    one = TimedSystem(Activated().eval(), IMAGE, protocol(optimized=True), "cpu")
    with torch.inference_mode():
        own = one.system.predict(one.batch)
        folded, fused = Form(True, folded=True), Form(True, folded=True, fused=True)
        tiles = Form(True, folded=True, winograd=True)
        for form in (fused, Form(), tiles, replace(tiles, fused=True), folded, fused, Form()):
            one.take(form)
            assert isinstance(one.system.relu, nn.Identity) == form.fused
            assert torch.equal(one.system.predict(one.batch), own)
