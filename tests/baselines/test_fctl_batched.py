"""FCtL's faster form: the maps and labels of the released one, with two thirds of the trunks' multiplications."""

import pytest
import torch

from baselines.fctl.net import PaddedFCN8s, vgg_trunk
from baselines.fctl.short import ShortTrunk
from benchmark import registry
from benchmark.cost.flops import count

RELEASED, BATCHED = registry.card("fctl"), registry.card("fctl-batched")


def stirred(module):
    """Weights and biases that make several classes and maps whose padding is not zero."""
    generator = torch.Generator().manual_seed(2)
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, generator=generator)
            if layer.bias is not None:
                layer.bias.data.copy_(0.3 * torch.randn(layer.bias.shape, generator=generator))
    return module


@pytest.fixture(scope="module", params=[100, 31, 5])
def net(request):
    return stirred(PaddedFCN8s(3, request.param)).eval()


@pytest.mark.parametrize("size", [(57, 64), (61, 61), (96, 75), (130, 58)], ids=str)
@torch.inference_mode()
def test_the_maps_are_those_of_the_whole_trunk(net, size):
    patches = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    short = ShortTrunk(net.features, size, patches)(patches)
    for found, wanted in zip(short, net.encode(patches), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(508, 508), (389, 133), (154, 185), (155, 186)], ids=str)
@torch.inference_mode()
def test_a_smaller_black_patch_has_all_values_of_a_large_one(size):
    """The padded sides end in each part of a pool5 cell; those of 354 and 355 are the first that are shortened."""
    net = stirred(PaddedFCN8s(3, 100)).eval()
    patches = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    short = ShortTrunk(net.features, size, patches)
    for found, wanted in zip(short(patches), net.encode(patches), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.max()))


@torch.inference_mode()
def test_relus_that_a_fused_convolution_has_taken_over_are_not_lost():
    trunk, fused = (stirred(vgg_trunk(31)) for _ in range(2))
    for place, layer in enumerate(fused):
        if isinstance(layer, torch.nn.ReLU):
            fused[place] = torch.nn.Identity()
    patches = torch.rand(1, 3, 70, 64)
    assert torch.equal(
        ShortTrunk(fused, (70, 64), patches)(patches)[-1], ShortTrunk(trunk, (70, 64), patches)(patches)[-1]
    )


def test_a_layer_that_is_none_of_vggs_is_refused():
    trunk = vgg_trunk(31)
    trunk[4] = torch.nn.Sigmoid()
    with pytest.raises(TypeError, match="layer 4 of the trunk is a Sigmoid"):
        ShortTrunk(trunk, (64, 64), torch.rand(1))


@torch.inference_mode()
def test_a_black_patch_of_another_net_is_noticed():
    """The frames matter: with those of other weights the maps differ."""
    one, other = (stirred(vgg_trunk(100)) for _ in range(2))
    for layer in other:
        if isinstance(layer, torch.nn.Conv2d):
            layer.bias.data.neg_()
    patches = torch.rand(1, 3, 64, 64)
    short, strange = (ShortTrunk(trunk, (64, 64), patches) for trunk in (one, other))
    for step, foreign in zip(short.steps, strange.steps, strict=True):
        object.__setattr__(step, "frame", foreign.frame)
    assert not torch.allclose(short(patches)[-1], one(patches), rtol=0, atol=1e-2)


@pytest.fixture(scope="module")
def both():
    """The released and the faster form with the same weights, for images a tenth of the paper's side."""
    released = stirred(registry.build(RELEASED.at(0.1), 3)).eval()
    with torch.no_grad():
        for attention in released.fusion.attentions:
            attention.gamma.fill_(3.0)
    batched = registry.build(BATCHED.at(0.1), 3).eval()
    batched.load_state_dict(released.state_dict())
    return released, batched


def test_labels_are_those_of_the_released_form(both):
    released, batched = both
    pixels = torch.rand(2, 3, 70, 120, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        wanted, found = released.logits(pixels), batched.logits(pixels)
        assert found.dtype == torch.float64
        assert batched.work == released.work
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
        mean = wanted.mean(dim=(2, 3), keepdim=True)  # without it one class is ahead everywhere
        labels = (wanted - mean).argmax(1)
        assert len(labels.unique()) == 3
        assert float(((found - mean).argmax(1) == labels).float().mean()) > 0.9999
    assert batched.short == {}


def test_it_trains_as_the_released_form(both):
    released, batched = both
    pixels, target = torch.rand(1, 3, 70, 70), torch.randint(0, 3, (1, 70, 70))
    losses = []
    for system in (released, batched):
        torch.manual_seed(3)
        losses.append(float(system.loss(pixels, target)["focal"].detach()))
    assert losses[0] == losses[1]


def test_a_trunk_of_the_papers_size_multiplies_two_thirds_as_often():
    """Of one patch; the black patch is computed once for all."""
    with torch.device("meta"):
        trunk, patches = vgg_trunk(100), torch.rand(1, 3, 508, 508)
        short = ShortTrunk(trunk, (508, 508), patches)

    class Asked:
        def __init__(self, call):
            self.predict = call

    with torch.inference_mode():
        assert count(Asked(short), patches).flops < 0.66 * count(Asked(trunk), patches).flops
