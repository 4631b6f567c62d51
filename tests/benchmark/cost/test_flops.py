import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmark.card import SlidingWindow
from benchmark.cost.flops import Counts, count, parameters
from tests.benchmark.tiny import CARD, TinySystem, tiny_system

BODY, HEAD = 3 * 9 * 8, 8 * 3  # multiply-accumulates an output pixel of the two convolutions


def by_hand(height, width):
    return 2 * (BODY + HEAD) * (height // 2) * (width // 2)


def test_flops_are_two_for_each_multiply_accumulate_of_the_convolutions():
    counts = count(tiny_system().eval(), torch.rand(1, 3, 40, 56))
    assert (counts.flops, counts.reason) == (by_hand(40, 56), "")


def test_all_patches_of_a_sliding_window_count():
    system = TinySystem(replace(CARD, inference=SlidingWindow(patch=24, overlap=8)))
    assert count(system.eval(), torch.rand(1, 3, 40, 56)).flops == 2 * 3 * by_hand(24, 24)


def test_passes_that_depend_on_the_image_count_as_often_as_they_run():
    class Careful(TinySystem):
        def logits(self, image):
            again = int(image.mean() > 0.5)
            return sum((self(image) for _ in range(again)), self(image))

    assert count(Careful().eval(), torch.full((1, 3, 40, 56), 0.9)).flops == 2 * by_hand(40, 56)
    assert count(Careful().eval(), torch.full((1, 3, 40, 56), 0.1)).flops == by_hand(40, 56)


def test_attention_and_matrix_products_count():
    class Attentive(TinySystem):
        def forward(self, image):
            tokens = image[:, :, :4, :16].flatten(1, 2)[:, None]  # 12 tokens of 16
            nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return super().forward(image)

    counts = count(Attentive().eval(), torch.rand(1, 3, 40, 56))
    assert counts.flops == by_hand(40, 56) + 2 * 2 * 12 * 12 * 16


def test_autocast_does_not_change_the_count():
    with torch.autocast("cpu", torch.bfloat16):
        assert count(tiny_system().eval(), torch.rand(1, 3, 40, 56)).flops == by_hand(40, 56)


def test_counting_leaves_the_system_as_it_was():
    system = tiny_system().eval()
    before = copy.deepcopy(system.state_dict())
    count(system, torch.rand(1, 3, 40, 56))
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())


def test_a_system_that_cannot_be_counted_gives_the_reason():
    class Odd(TinySystem):
        def logits(self, image):
            raise NotImplementedError("no kernel")

    assert count(Odd(), torch.rand(1, 3, 8, 8)) == Counts(
        None, None, None, "cannot be counted: NotImplementedError: no kernel"
    )


def test_exhausted_memory_is_not_taken_for_uncountable():
    class Huge(TinySystem):
        def logits(self, image):
            return torch.empty(10**14)

    with pytest.raises(RuntimeError, match="can't allocate memory"):
        count(Huge(), torch.rand(1, 3, 8, 8))


def test_parameters_are_counted_once_and_without_buffers():
    system = tiny_system()
    by_layer = (3 * 9 + 1) * 8 + 2 * 8 + (8 + 1) * 3
    assert parameters(system) == by_layer
    system.twin = system.head
    assert parameters(system) == by_layer


class Plain(TinySystem):
    """One operator after another, each with a known traffic."""

    def logits(self, image):
        return self.steps(image)

    def predict(self, image):
        return self.logits(image)


def traffic_of(steps, image):
    system = Plain()
    system.steps = steps
    return count(system.eval(), image).bytes_moved


def test_an_operator_moves_its_operands_and_its_result():
    image = torch.rand(1, 3, 8, 8)
    size = image.nbytes
    assert traffic_of(lambda image: image + image.clone(), image) == (1 + 1) * size + 3 * size
    assert traffic_of(lambda image: image.relu(), image) == 2 * size
    weight = torch.rand(5, 3, 3, 3)
    out = 5 * 8 * 8 * 4
    assert traffic_of(lambda image: nn.functional.conv2d(image, weight, padding=1), image) == size + weight.nbytes + out


@pytest.mark.parametrize(
    "settings", [{"mode": "bilinear"}, {"mode": "nearest"}, {"mode": "bilinear", "antialias": True}]
)
def test_a_resize_is_one_operator(settings):
    image = torch.rand(1, 3, 16, 16)
    moved = traffic_of(lambda image: nn.functional.interpolate(image, (8, 8), **settings), image)
    assert moved == image.nbytes + 3 * 8 * 8 * 4


def test_views_and_untouched_memory_move_nothing():
    steps = lambda image: torch.empty_like(image).view(3, 8, 8).transpose(0, 1)[None].expand(4, 8, 3, 8)  # noqa: E731
    assert traffic_of(steps, torch.rand(1, 3, 8, 8)) == 0


def test_an_expanded_tensor_is_read_once():
    image = torch.rand(1, 3, 8, 8)
    row = image[..., :1, :]
    assert traffic_of(lambda image: row.expand(1, 3, 8, 8).clone(), image) <= 2 * image.nbytes


def test_counting_bytes_changes_no_flops_of_composite_operators():
    image = torch.rand(1, 3, 40, 56)
    counts = count(tiny_system().eval(), image)
    assert counts.flops == by_hand(40, 56)
    assert counts.bytes_moved > 4 * image.nbytes


def test_what_cannot_be_counted_has_a_reason_and_no_figure():
    class Odd(TinySystem):
        def logits(self, image):
            raise NotImplementedError("no kernel")

    counts = count(Odd(), torch.rand(1, 3, 8, 8))
    assert (counts.flops, counts.bytes_moved) == (None, None)
    assert counts.reason == "cannot be counted: NotImplementedError: no kernel"


def test_the_input_shapes_that_a_convolution_meets_are_counted():
    class Careful(TinySystem):
        def logits(self, image):
            return self(image) + sum(self(image[..., :side, :]).mean() for side in (16, 24, 16))

    image = torch.rand(1, 3, 40, 56)
    assert count(Careful().eval(), image).convolution_shapes == 3
    patches = TinySystem(replace(CARD, inference=SlidingWindow(patch=24, overlap=8)))
    assert count(patches.eval(), image).convolution_shapes == 1
