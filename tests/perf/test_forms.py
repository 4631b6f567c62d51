"""Speed of faster forms of systems as ratios to the form that they replace, with the same labels.

Where pytest-benchmark is disabled, small images are predicted once and only the labels are tested.
"""

import numpy as np
import pytest
import torch

from baselines.cascadepsp.early import EarlyCascadeNet
from baselines.cascadepsp.net import CascadeNet
from baselines.fctl.net import vgg_trunk
from baselines.fctl.short import ShortTrunk
from benchmark import inference, registry
from benchmark.cost.folding import Folding
from benchmark.cost.form import Form
from benchmark.cost.optimized import forms
from benchmark.cost.relu import ReluFusion
from benchmark.cost.timed_system import TimedSystem
from benchmark.cost.winograd import Winograd
from benchmark.data.synthetic import World, scene
from results.cell import Protocol
from tests.systems.architectures import stir

CLASSES = 7


def built(name, scale):
    torch.manual_seed(0)
    system = registry.build(registry.card(name).at(scale), CLASSES)
    stir(system)
    return system.inference_form().eval()


def picture(side):
    return np.ascontiguousarray(scene(World(), 0, (side, side)).image)


@pytest.mark.slow
def test_glnet_batched(ratio, benchmark):
    """A quarter of the paper's scale: 36 patches of 127 pixels."""
    scale = 0.1 if benchmark.disabled else 0.25
    image = torch.from_numpy(picture(round(2448 * scale))).permute(2, 0, 1)[None].float() / 255
    theirs, ours = built("glnet", scale), built("glnet-batched", scale)
    ours.load_state_dict(theirs.state_dict(), strict=False)  # the released form holds a second copy, half of it unused
    with torch.inference_mode():
        labels = theirs.predict(image)
        assert len(labels.unique()) > 1
        assert float((ours.predict(image) == labels).float().mean()) >= 0.999
        ratio(lambda: ours.predict(image), lambda: theirs.predict(image))


def test_fctl_short_trunk(ratio, benchmark):
    """A trunk of `fctl-batched` on one patch of the paper's size; two for each patch are most of the work."""
    side, padding = (57, 31) if benchmark.disabled else (508, 100)
    patch, trunk = torch.rand(1, 3, side, side), vgg_trunk(padding)
    with torch.inference_mode():
        short = ShortTrunk(trunk, (side, side), patch)
        wanted = trunk(patch)
        torch.testing.assert_close(short(patch)[-1], wanted, rtol=0, atol=1e-5 * float(wanted.max()))
        ratio(lambda: short(patch), lambda: trunk(patch))


class Crop(torch.nn.Module):
    """CascadePSP's net on one crop, with an image of four channels: the last is the mask and the coarse result."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def predict(self, image):
        mask = image[:, 3:]
        return self.net(image[:, :3], mask, mask)["s1"]


@pytest.mark.slow
def test_cascadepsp_batched(ratio, benchmark):
    """A crop in the optimized form, a quarter of the paper's side, beside the released form as it is."""
    torch.manual_seed(0)
    theirs, ours = Crop(CascadeNet()).eval(), Crop(EarlyCascadeNet()).eval()
    ours.load_state_dict(theirs.state_dict())
    side = 64 if benchmark.disabled else 224
    image = torch.cat([torch.rand(1, 3, side, side), torch.sign(torch.randn(1, 1, side, side))], dim=1)
    fast = image.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        Folding(ours, image).switch(folded=True)
        ours.to(memory_format=torch.channels_last)
        ReluFusion(ours, fast).switch(on=True)
        Winograd(ours, fast).switch(on=True)
        wanted = theirs.predict(image)
        torch.testing.assert_close(ours.predict(fast), wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
        ratio(lambda: ours.predict(fast), lambda: theirs.predict(image))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet-local", "isdnet"])
def test_optimized(ratio, benchmark, name):
    """The form with the most changes that keep the precision, beside a plain loop over patches or ISDNet as it is."""
    scale = 0.1 if benchmark.disabled else 0.4
    pixels = picture(round(2448 * scale))
    system = built(name, scale)
    protocol = Protocol(kind="cost", height=pixels.shape[0], width=pixels.shape[1], optimized=True)
    as_it_is = TimedSystem(built(name, scale), pixels, protocol, "cpu")
    timed = TimedSystem(system, pixels, protocol, "cpu")
    with torch.inference_mode():
        for form in [Form(), *(form for form in forms("cpu", "fp32") if form.precision == "fp32")]:
            timed.take(form)
        reference = looped(as_it_is.system) if name == "unet-local" else as_it_is.system.predict
        labels = reference(as_it_is.batch)
        assert len(labels.unique()) > 1
        assert float((timed.system.predict(timed.batch) == labels).float().mean()) >= 0.999
        ratio(lambda: timed.system.predict(timed.batch), lambda: reference(as_it_is.batch))


def looped(system):
    """A plain loop over the patches of the card, whose logits are enlarged, summed and divided."""
    patch, overlap = system.card.inference.patch, system.card.inference.overlap

    def predict(image):
        height, width = image.shape[-2:]
        total, count = torch.zeros(1, CLASSES, height, width), torch.zeros(height, width)
        for top in inference.window_starts(height, patch, overlap):
            for left in inference.window_starts(width, patch, overlap):
                rows, columns = slice(top, top + patch), slice(left, left + patch)
                crop = image[..., rows, columns]
                logits = inference.padded(system, crop, system.card.size_multiple)
                total[..., rows, columns] += inference.resize(logits, (crop.shape[-2], crop.shape[-1]))
                count[rows, columns] += 1
        return (total / count).argmax(1).to(torch.uint8)

    return predict
