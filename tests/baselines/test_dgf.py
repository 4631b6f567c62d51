"""The guided filter against its closed form, pixel by pixel in float64; the deep one with known guides."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.dgf.guided_filter import EPSILON, DeepGuidedFilter, box_mean, fast_guided_filter, guided_filter
from benchmark import registry
from benchmark.system import System


def maps(*shape, seed=0, scale=1.0):
    return scale * torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed))


def window(values, row, column, radius):
    return values[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1]


def over_windows(function, size, radius, *arrays):
    out = np.empty(size)
    for row in range(size[0]):
        for column in range(size[1]):
            out[row, column] = function(*(window(array, row, column, radius) for array in arrays))
    return out


def closed_form(guide, target, radius, epsilon):
    """He, Sun and Tang, equations 5, 6 and 8, with windows cut at the border."""

    def slope_of(x, y):
        return ((x * y).mean() - x.mean() * y.mean()) / (x.var() + epsilon)

    size = guide.shape
    slope = over_windows(slope_of, size, radius, guide, target)
    offset = over_windows(lambda x, y: y.mean() - slope_of(x, y) * x.mean(), size, radius, guide, target)
    mean = [over_windows(np.mean, size, radius, array) for array in (slope, offset)]
    return mean[0] * guide + mean[1]


@pytest.mark.parametrize(("size", "radius"), [((17, 23), 4), ((12, 9), 1), ((30, 11), 3), ((5, 6), 4)])
def test_the_filter_is_the_closed_form(size, radius):
    guide, target = maps(1, *size).sigmoid(), maps(1, *size, seed=1, scale=5.0)
    expected = closed_form(guide[0, 0].double().numpy(), target[0, 0].double().numpy(), radius, EPSILON)
    np.testing.assert_allclose(guided_filter(guide, target, radius)[0, 0].numpy(), expected, atol=2e-5)


def test_a_constant_guide_gives_the_box_mean_twice():
    target = maps(3, 19, 15)
    filtered = guided_filter(torch.full_like(target, 0.7), target, 2)
    torch.testing.assert_close(filtered, box_mean(box_mean(target, 2), 2), atol=1e-5, rtol=0)


def test_a_constant_guide_gives_the_fast_filter_the_box_mean_once():
    target = maps(3, 19, 15)
    flat = torch.full_like(target, 0.7)
    torch.testing.assert_close(fast_guided_filter(flat, flat, target, 2), box_mean(target, 2), atol=1e-5, rtol=0)


def test_a_large_epsilon_gives_the_box_mean_twice():
    guide, target = maps(3, 19, 15), maps(3, 19, 15, seed=1)
    filtered = guided_filter(guide, target, 2, epsilon=1e9)
    torch.testing.assert_close(filtered, box_mean(box_mean(target, 2), 2), atol=1e-5, rtol=0)


def test_a_guide_equal_to_the_map_gives_it_back():
    target = maps(2, 31, 14).double()
    torch.testing.assert_close(guided_filter(target, target, 3, epsilon=0.0), target, atol=1e-9, rtol=0)


def test_the_filter_is_linear_in_the_map():
    guide, first, second = (maps(2, 21, 16, seed=seed).double() for seed in range(3))
    together = guided_filter(guide, 2 * first - 3 * second, 4)
    apart = 2 * guided_filter(guide, first, 4) - 3 * guided_filter(guide, second, 4)
    torch.testing.assert_close(together, apart, atol=1e-9, rtol=0)


def test_float32_is_precise_on_a_large_map():
    """The authors' cumulative sums lose 1e-5 at this size and more at larger ones."""
    guide, target = maps(1, 700, 500).sigmoid(), maps(1, 700, 500, seed=1)
    exact = guided_filter(guide.double(), target.double(), 4)
    assert (guided_filter(guide, target, 4) - exact).abs().max() < 3e-6


class Coarse(System):
    """A base that gives one fixed map, at a quarter of the side."""

    def __init__(self, classes):
        super().__init__(registry.card("stdc"), classes)

    def forward(self, image):
        size = (image.shape[-2] // 4, image.shape[-1] // 4)
        return F.interpolate(image.mean(1, keepdim=True), size) * maps(self.num_classes, *size, scale=4.0)

    def loss(self, image, target):
        return {}


def deep(classes, *, fast=False):
    torch.manual_seed(0)
    return DeepGuidedFilter(registry.card("dgf"), classes, Coarse(classes), fast=fast).eval()


def identity_weights(system):
    """A guide that is the image's green for every class."""
    with torch.no_grad():
        for parameter in system.own_parameters():
            parameter.zero_()
        system.guide[0].weight[0, 1] = 1
        system.guide[2].weight[:, 0] = 1


def test_with_identity_weights_the_system_is_the_closed_form():
    system, image = deep(3), maps(3, 29, 37).sigmoid()
    identity_weights(system)
    with torch.inference_mode():
        refined = system.logits(image)[0].numpy()
        coarse = F.interpolate(system.base(image), (29, 37), mode="bilinear", align_corners=True)[0]
    for index in range(3):
        expected = closed_form(image[0, 1].double().numpy(), coarse[index].double().numpy(), 4, EPSILON)
        np.testing.assert_allclose(refined[index], expected, atol=2e-5)


@pytest.mark.parametrize(("classes", "extra"), [(7, 711), (19, 1491), (2, 386)])
def test_its_own_parameters_are_those_of_the_authors(classes, extra):
    assert sum(parameter.numel() for parameter in deep(classes).own_parameters()) == extra


@pytest.mark.parametrize("fast", [False, True])
def test_any_size(fast):
    system = deep(4, fast=fast)
    for size in ((11, 13), (131, 9), (300, 17)):  # the last is cut into strips
        with torch.inference_mode():
            logits = system.logits(maps(3, *size).sigmoid())
        assert logits.shape == (1, 4, *size)
        assert logits.isfinite().all()


def test_the_strips_of_the_guide_do_not_show():
    system, image = deep(4), maps(3, 300, 17).sigmoid()
    with torch.inference_mode():
        torch.testing.assert_close(torch.cat(system.guides(image), 1), system.guide(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize("fast", [False, True])
def test_the_guide_learns_which_edges_count(fast):
    """Truth is in the red, green and blue are noise; the base has the truth at a quarter of the side, blurred."""
    generator = torch.Generator().manual_seed(3)
    fine = F.interpolate(torch.rand(1, 1, 16, 16, generator=generator), (64, 64), mode="bicubic")
    truth = (fine > 0.5).long()[:, 0]
    noise = torch.rand(1, 2, 64, 64, generator=generator)
    image = torch.cat([0.2 + 0.6 * truth[:, None], noise], dim=1)
    small = F.avg_pool2d(F.one_hot(truth, 2).permute(0, 3, 1, 2).float(), 4)
    small = 4 * F.avg_pool2d(small, 3, stride=1, padding=1)
    system = deep(2, fast=fast)
    system.base.forward = lambda _: small
    system.enter_stage("guide")
    blurred = F.interpolate(small, (64, 64), mode="bilinear", align_corners=True)
    right = [(logits.argmax(1) == truth).float().mean() for logits in (blurred, system(image))]
    optimizer = torch.optim.Adam(system.own_parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        system.loss(image, truth)["cross_entropy"].backward()
        optimizer.step()
    right.append((system(image).argmax(1) == truth).float().mean())
    assert right[2] > max(right[:2]) + 0.02
