import pytest
import torch
from torch.nn import functional as F

from isdnet.pyramid import LaplacianPyramid
from tests.isdnet.nets import image


@pytest.mark.parametrize("size", [(64, 64), (63, 64), (131, 99), (5, 7)])
@pytest.mark.parametrize("levels", [1, 2])
def test_residuals_and_rest_reconstruct_the_image(size, levels):
    pyramid = LaplacianPyramid(levels)
    picture = image(*size, batch=2)
    residuals, rest = pyramid(picture)
    assert tuple(residuals[0].shape[-2:]) == size
    assert rest.shape[-1] == -(-size[1] // 2**levels)
    torch.testing.assert_close(pyramid.reconstructed(residuals, rest), picture, rtol=0, atol=1e-5)


def test_a_constant_image_has_no_residual():
    residuals, rest = LaplacianPyramid()(torch.full((1, 3, 33, 20), 0.7))
    assert max(r.abs().max() for r in residuals) < 1e-6
    torch.testing.assert_close(rest, torch.full_like(rest, 0.7))


def test_equation_1_on_one_row_by_hand():
    """Along a row that is constant down the columns, the blur is 1 4 6 4 1 over 16, reflected at the ends."""
    row = torch.tensor([0.0, 16.0, 0.0, 0.0, 32.0, 0.0])
    picture = row.expand(1, 1, 6, 6)
    pyramid = LaplacianPyramid(1)
    # at 0: (0*6 + 2*4*16) / 16; at 2: (0*6 + 4*16 + 4*0 + 1*0 + 1*32) / 16; at 4: (32*6 + 1*0 + 1*32 (reflected)) / 16
    reduced = torch.tensor([8.0, 6.0, 14.0])
    torch.testing.assert_close(pyramid.reduced(picture)[0, 0, 0], reduced)
    # even places (a + 6 b + c) / 8, odd ones (b + c) / 2; before the first stands the second, after the last itself
    enlarged = torch.tensor([60 / 8, 7.0, 58 / 8, 10.0, 104 / 8, 14.0])
    torch.testing.assert_close(pyramid.enlarged(reduced.expand(1, 1, 3, 3), torch.Size((6, 6)))[0, 0, 2], enlarged)
    torch.testing.assert_close(pyramid(picture)[0][0][0, 0, 0], row - enlarged)


def test_enlarging_equals_zeros_between_pixels_and_a_blur():
    pyramid = LaplacianPyramid()
    small = image(6, 9)
    filled = torch.zeros(1, 3, 12, 18)
    filled[..., ::2, ::2] = small
    expected = F.conv2d(F.pad(filled, (2, 2, 2, 2), mode="reflect"), 4 * pyramid.kernel.expand(3, 1, 5, 5), groups=3)
    torch.testing.assert_close(pyramid.enlarged(small, torch.Size((12, 18))), expected)


def test_the_shallow_input_is_both_residuals_at_full_size():
    pyramid = LaplacianPyramid()
    picture = image(30, 41)
    (fine, coarse), _ = pyramid(picture)
    together = pyramid.high_frequency(picture)
    assert together.shape == (1, 6, 30, 41)
    assert torch.equal(together[:, :3], fine)
    assert torch.equal(together[:, 3:], F.interpolate(coarse, (30, 41), mode="bilinear"))


def test_the_kernel_moves_with_the_module_and_is_not_saved():
    pyramid = LaplacianPyramid().to("meta")
    assert pyramid.kernel.device.type == "meta"
    assert not pyramid.state_dict()
