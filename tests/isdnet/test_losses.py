import math

import pytest
import torch

from isdnet import losses
from isdnet.variants import PAPER, RELEASED_CODE


def column(*values: float) -> torch.Tensor:
    """One image, one channel, positions down a column."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, -1, 1)


def test_cross_entropy_divides_by_labelled_or_by_all_pixels():
    logits = torch.zeros(1, 2, 1, 4)
    target = torch.tensor([[[0, 1, 255, 255]]])
    assert losses.cross_entropy(logits, target, PAPER) == pytest.approx(math.log(2))
    assert losses.cross_entropy(logits, target, RELEASED_CODE) == pytest.approx(math.log(2) / 2)
    nothing = torch.full((1, 1, 4), 255)
    assert losses.cross_entropy(logits, nothing, PAPER) == losses.cross_entropy(logits, nothing, RELEASED_CODE) == 0


def test_super_resolution_is_the_mean_square_at_the_target_size():
    assert losses.super_resolution(torch.full((1, 3, 2, 2), 3.0), torch.full((1, 3, 4, 4), 1.0)) == pytest.approx(4)


def test_gram_matrix_by_hand():
    maps = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 2, 1)  # two channels over two positions
    assert losses.gram(maps).tolist() == [[[10, 14], [14, 20]]]


def test_equation_7_as_printed_by_hand():
    # Grams [[1, 2], [2, 4]] and [[4, 2], [2, 1]]; difference [[-3, 0], [0, 3]]; Frobenius norm sqrt(18)
    value = losses.structure_distillation(column(1, 2), column(2, 1), PAPER)
    assert value == pytest.approx(math.sqrt(18))
    two = torch.cat([column(1, 2), column(0, 0)]), torch.cat([column(2, 1), column(0, 0)])
    assert losses.structure_distillation(*two, PAPER) == pytest.approx(math.sqrt(18) / 2)  # mean over the batch


def test_equation_7_as_released_by_hand():
    # (3, 4) / 5 and (4, 3) / 5: Grams (9 12; 12 16) / 25 and (16 12; 12 9) / 25; mean |difference| 14 / 100
    value = losses.structure_distillation(column(3, 4), column(4, 3), RELEASED_CODE)
    assert value == pytest.approx(14 / 100, abs=1e-6)
    larger = losses.structure_distillation(column(30, 40), column(4, 3), RELEASED_CODE)
    assert larger == pytest.approx(14 / 100, abs=1e-6)  # the scale of a channel does not count


def test_each_channel_is_normalised_on_its_own():
    # channels (3, 4) and (0, 2) become (0.6, 0.8) and (0, 1): Gram (0.36 0.48; 0.48 1.64), against zeros: mean 2.96 / 4
    maps = torch.tensor([[3.0, 4.0], [0.0, 2.0]]).view(1, 2, 2, 1)
    value = losses.structure_distillation(maps, torch.zeros_like(maps), RELEASED_CODE)
    assert value == pytest.approx(0.74, abs=1e-5)


@pytest.mark.parametrize(("form", "flows"), [(PAPER, True), (RELEASED_CODE, False)])
def test_the_released_code_detaches_the_super_resolution_side(form, flows):
    deep, sr = column(1, 2).requires_grad_(), column(2, 5).requires_grad_()
    losses.structure_distillation(deep, sr, form).backward()
    assert deep.grad is not None
    assert (sr.grad is not None) == flows


def test_the_super_resolution_side_is_resized_to_the_deep_map():
    sr = column(2, 2, 1, 1)
    value = losses.structure_distillation(column(1, 2), sr, PAPER)
    assert value == pytest.approx(math.sqrt(18))
