"""Labels of a measurement: of the right kind, the same ones for one image, and computed anew for another."""

import pytest
import torch

from benchmark.cost.measure import LabelsError
from tests.benchmark.cost.test_measure import cost
from tests.benchmark.tiny import TinySystem, tiny_system

pytestmark = pytest.mark.usefixtures("small_ceilings")


def test_other_labels_for_the_same_image_are_an_error():
    class Fickle(TinySystem):
        def logits(self, image):
            return torch.rand(1, 3, 20, 28)

    with pytest.raises(LabelsError, match="'tiny': predict returned different labels for the same image"):
        cost(Fickle())


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (torch.zeros(1, 40, 56, dtype=torch.int64), r"torch.int64 \(1, 40, 56\)"),
        (torch.zeros(1, 20, 28, dtype=torch.uint8), r"torch.uint8 \(1, 20, 28\)"),
    ],
)
def test_labels_that_break_the_contract_are_an_error(labels, found):
    class Wrong(TinySystem):
        def predict(self, image):
            return labels

    with pytest.raises(LabelsError, match=f"predict returned {found}; it must return"):
        cost(Wrong())


def test_labels_that_are_not_computed_anew_are_an_error():
    class Caching(TinySystem):
        kept = None

        def predict(self, image):
            if self.kept is None:
                self.kept = super().predict(image)
            return self.kept

    with pytest.raises(LabelsError, match="'tiny': predict returned the same labels for two different images"):
        cost(Caching())


def test_a_net_whose_labels_depend_on_the_border_alone_is_measured():
    class HardlyTrained(TinySystem):  # as FCtL after 25 iterations: the image moves its logits, but not its labels
        def logits(self, image):
            border = torch.zeros(1, self.num_classes, *image.shape[-2:])
            border[:, 1, :5], border[:, 0, 5:] = 9.0, 9.0
            return border + super().logits(image).mean(dim=(-2, -1), keepdim=True).clamp(-1, 1)

    assert cost(HardlyTrained()).tells_images_apart is False


def test_logits_that_do_not_depend_on_the_image_are_an_error():
    class Blind(TinySystem):
        def logits(self, image):
            border = torch.zeros(1, self.num_classes, *image.shape[-2:])
            border[:, 1, :5] = 9.0
            return border

    with pytest.raises(LabelsError, match="the same labels for two different images"):
        cost(Blind())


def test_a_record_says_whether_another_image_has_other_labels():
    class OneClass(TinySystem):
        def predict(self, image):
            return torch.zeros((1, *image.shape[-2:]), dtype=torch.uint8)

    assert cost(tiny_system()).tells_images_apart is True
    assert cost(OneClass()).tells_images_apart is False
