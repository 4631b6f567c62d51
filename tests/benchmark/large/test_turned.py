"""Test-time augmentation over mirror images and quarter turns."""

import torch
from torch import nn

from benchmark.inference import resize
from benchmark.large.turned import VIEWS, turned


def net():
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 5, padding=2, stride=2)


@torch.no_grad()
def test_turning_the_image_turns_the_answer():
    image = torch.rand(1, 3, 20, 13)
    mean = turned(net(), resize)
    for quarters, mirrored in VIEWS:
        view = torch.rot90(image, quarters, (2, 3))
        wanted = torch.rot90(mean(image), quarters, (2, 3))
        view, wanted = (view.flip(3), wanted.flip(3)) if mirrored else (view, wanted)
        torch.testing.assert_close(mean(view), wanted)


@torch.no_grad()
def test_the_answer_is_the_mean_probability():
    image = torch.rand(1, 3, 20, 12)
    seen = []

    def watched(view):
        seen.append(tuple(view.shape[-2:]))
        return 3 * view

    shares = turned(watched, resize)(image).exp()
    torch.testing.assert_close(shares, (3 * image).softmax(1))  # a net of single pixels: all views agree
    assert sorted(seen) == [(12, 20)] * 4 + [(20, 12)] * 4
    assert not torch.allclose(turned(net(), resize)(image).exp(), resize(net()(image), (20, 12)).softmax(1), atol=1e-3)
