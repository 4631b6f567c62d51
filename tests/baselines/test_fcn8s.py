"""FCN-8s against torchvision's VGG-16 and plain bilinear enlargement."""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from baselines.fcn8s.net import STAGES, FCN8s, WideConv2d, vgg_names
from benchmark import registry


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    return registry.build(registry.card("fcn8s-global"), 3).eval()


@pytest.mark.parametrize(("classes", "parameters"), [(2, 134_271_430), (7, 134_308_725), (19, 134_456_985)])
def test_parameters_are_those_of_the_published_nets(classes, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in FCN8s(classes).parameters()) == parameters


@pytest.mark.parametrize("size", [(64, 96), (75, 41), (1, 1)])
def test_output_has_the_size_of_the_input(system, size):
    with torch.inference_mode():
        assert system.net(torch.rand(1, 3, *size)).shape == (1, 3, *size)


@pytest.mark.slow
def test_trunk_is_torchvisions_vgg16_given_its_file(system):
    torch.manual_seed(1)
    reference = torchvision.models.vgg16(init_weights=True).eval()
    system.load_imagenet(reference.state_dict())
    image = torch.rand(1, 3, 64, 96)  # multiples of 32: pools that round up and down agree
    with torch.inference_mode():
        ours = system.net.pooled(image, tuple(range(1, len(STAGES) + 1)))
        torch.testing.assert_close(ours, reference.features(image))
        torch.testing.assert_close(system.net.fc7.weight.flatten(1), reference.classifier[3].weight)
        # fc6 in the middle of a 7x7 map sees what the classifier's first layer sees: 25,088 numbers in the same order
        pooled = torch.rand(1, 512, 7, 7)
        torch.testing.assert_close(system.net.fc6.weight.flatten(1), reference.classifier[0].weight)
        expected = reference.classifier[0](pooled.flatten(1))
        torch.testing.assert_close(system.net.fc6(pooled)[..., 3, 3], expected, rtol=1e-4, atol=1e-4)  # float32 sums


@pytest.mark.parametrize("layer", ["conv3_2", "fc6"])
def test_a_file_of_another_net_is_named_by_its_key(system, layer):
    with torch.device("meta"):
        state = torchvision.models.vgg16().state_dict()
    key = f"{vgg_names()[layer]}.weight"
    del state[key]
    with pytest.raises(ValueError, match=f"it has no '{key}'"):
        system.load_imagenet(state)


def test_without_skips_the_result_is_the_deepest_map_enlarged(system):
    scores = []
    handle = system.net.score_fr.register_forward_hook(lambda *args: scores.append(args[2]))
    skips = [system.net.score_pool3, system.net.score_pool4]
    kept = [{name: p.clone() for name, p in skip.state_dict().items()} for skip in skips]
    try:
        for skip in skips:
            for parameter in skip.parameters():
                parameter.data.zero_()
        with torch.inference_mode():
            result = system.net(torch.rand(1, 3, 256, 320))
    finally:
        handle.remove()
        for skip, state in zip(skips, kept, strict=True):
            skip.load_state_dict(state)
    steps = scores[0]
    for factor in (2, 2, 8):
        steps = F.interpolate(steps, scale_factor=factor, mode="bilinear", align_corners=False)
    # away from the border, where transposed convolutions see nothing outside and interpolation repeats the edge
    inside = (..., slice(48, -48), slice(48, -48))
    torch.testing.assert_close(result[inside], steps[inside])


def test_the_last_enlargement_is_fixed_and_the_others_learn(system):
    assert not system.net.upscore8.weight.requires_grad
    assert system.net.upscore2.weight.requires_grad
    assert system.net.upscore_pool4.weight.requires_grad


@pytest.mark.parametrize("padding", [0, 2])
def test_the_wide_convolution_is_the_same_in_training_and_at_test(padding):
    conv = WideConv2d(5, 6, 7, padding=padding)
    maps = torch.rand(2, 5, 9, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plain = F.conv2d(maps, conv.weight, conv.bias, padding=padding)
    torch.testing.assert_close(conv(maps), plain)
    names = (maps, conv.weight, conv.bias)
    for ours, theirs in zip(
        torch.autograd.grad(conv(maps).square().sum(), names),
        torch.autograd.grad(plain.square().sum(), names),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(conv(maps), plain)
