"""Patch grids: GLNet's numbers, what any grid promises, merging that undoes cutting."""

import itertools
import math

import pytest
import torch

from baselines.common.patches import BUDGET_MIB, Grid, glnet_grid, patches_at_once
from baselines.glnet.inference import MIB_PER_PIXEL
from baselines.glnet.system import SUB_BATCH


def test_the_grid_of_a_deepglobe_image():
    assert glnet_grid(2448, 508, 50) == [0, 388, 776, 1164, 1552, 1940]


@pytest.mark.parametrize(
    ("size", "patch", "patches"),
    [
        ((2448, 2448), 508, 36),
        ((5000, 5000), 508, 121),
        ((5000, 5000), 536, 121),
        ((1024, 2048), 508, 15),
        ((508, 508), 508, 1),  # the release divides by zero
        ((508, 2448), 508, 6),
        ((70, 62), 81, 1),
    ],
)
def test_the_number_of_patches(size, patch, patches):
    assert len(Grid.glnet(torch.zeros(1, 3, 1, 1).expand(1, 3, *size), patch, 50)) == patches


@pytest.mark.parametrize("side", range(20, 90, 3))
def test_patches_cover_the_side_with_the_least_overlap_and_are_the_fewest(side):
    starts = glnet_grid(side, 20, 5)
    steps = [after - before for before, after in itertools.pairwise(starts)]
    assert starts[0] == 0
    assert starts[-1] + 20 == side
    assert all(step <= 20 - 5 for step in steps)
    assert max(steps, default=0) - min(steps, default=0) <= 1
    assert len(starts) == math.ceil((side - 20) / (20 - 5)) + 1


def test_an_overlap_as_large_as_the_patch_is_refused():
    with pytest.raises(ValueError, match="overlap 20 must be at least 0 and smaller than the patch 20"):
        glnet_grid(100, 20, 20)


@pytest.mark.parametrize(("side", "patch"), [(127, 26), (64, 13), (32, 7), (16, 3)])
def test_the_part_of_a_global_map_that_a_patch_lies_on(side, patch):
    grid = Grid.of((2448, 2448), 508, lambda side, patch: glnet_grid(side, patch, 50)).on((side, side))
    assert grid.patch == (patch, patch)
    assert grid.corners[7] == (round(side * 388 / 2448),) * 2
    assert grid.corners[-1] == (side - patch,) * 2


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (17, 90)])
def test_patches_stay_on_a_map_of_any_size(size):
    grid = Grid.of((133, 121), 41, lambda side, patch: glnet_grid(side, patch, 4)).on(size)
    for number in range(len(grid)):
        rows, columns = grid.window(number)
        assert 0 <= rows.start < rows.stop <= size[0]
        assert 0 <= columns.start < columns.stop <= size[1]


def test_merged_patches_over_their_coverage_are_the_image():
    image = torch.rand(2, 3, 50, 44)
    grid = Grid.glnet(image, 20, 5)
    canvas = torch.zeros_like(image)
    for numbers in grid.batches(4):
        crops = grid.crops(image, numbers)
        assert crops.shape == (2 * len(numbers), 3, 20, 20)
        grid.add(canvas, crops, numbers)
    count = grid.coverage(canvas)
    assert (count.shape, count.min(), count.max()) == ((1, 1, 50, 44), 1, 4)
    torch.testing.assert_close(canvas / count, image)


def test_batches_hold_every_patch_once():
    grid = Grid((9, 9), (3, 3), tuple((row, column) for row in (0, 3, 6) for column in (0, 3, 6)))
    assert list(grid.batches(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


def test_a_budget_holds_so_many_patches_and_always_one():
    one, cpu = Grid((9, 9), (1, 1), ((0, 0),)), torch.device("cpu")
    counts = [patches_at_once(cpu, BUDGET_MIB["cpu"] / share, one.patch) for share in (4, 3.99, 0.5)]
    assert counts == [4, 3, 1]


def test_at_the_papers_size_a_gpu_takes_more_patches_at_a_time_than_the_release_and_a_cpu_one():
    grid = Grid((2448, 2448), (508, 508), ((0, 0),))
    cpu, gpu = (patches_at_once(torch.device(name), MIB_PER_PIXEL, grid.patch) for name in ("cpu", "cuda"))
    assert cpu == 1 < SUB_BATCH < gpu <= 36
