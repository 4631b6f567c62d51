"""Convolutions of enlarged maps against enlarging and then convolving."""

import pytest
import torch
from torch.nn import functional as F

from baselines.glnet.enlarged import placed, places


def enlarge(maps, *sizes):
    for size in sizes:
        maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return maps


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("sizes", [[(33, 31)], [(7, 6)], [(4, 3)], [(12, 14), (40, 41)]])
def test_the_work_on_small_maps_gives_the_convolution_of_the_enlarged_ones(kernel, sizes):
    generator = torch.Generator().manual_seed(0)
    maps, weight = torch.rand(2, 5, 7, 6, generator=generator), torch.rand(4, 5, kernel, kernel, generator=generator)
    wanted = F.conv2d(enlarge(maps, *sizes), weight, padding=kernel // 2)
    torch.testing.assert_close(placed(places(maps, weight), kernel, *sizes), wanted, rtol=1e-5, atol=1e-5)


def test_cropping_goes_before_or_after_the_places():
    maps, weight = torch.rand(1, 5, 9, 9), torch.rand(4, 5, 3, 3)
    torch.testing.assert_close(places(maps, weight)[..., 2:6, 3:8], places(maps[..., 2:6, 3:8], weight))
