"""The reference row of every accuracy table: the class that is most frequent in the training labels, everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.card import Card, CustomInference, Recipe
from benchmark.spec import SystemSpec

if TYPE_CHECKING:
    from benchmark.system import System

CARD = Card(
    name="constant",
    title="Most frequent class",
    group="Reference",
    citation="none",
    source="this suite",
    licence="MIT (ours)",
    fidelity="reference",
    backbone="none",
    parameters=0,
    inference=CustomInference("every pixel gets the class that most pixels of the training labels have"),
    recipes={"counting": Recipe(source="the training labels, counted", crop=(1, 1), iterations=0)},
    remark="a reference, not a rival: a net that does not beat it has learned nothing",
)


def build(card: Card, num_classes: int) -> System:
    """The system of the card; it predicts class 0 until it has been given counts."""
    import torch
    from torch import Tensor

    from benchmark.system import System

    class Constant(System):
        stages = ()  # nothing is trained

        def __init__(self) -> None:
            super().__init__(card, num_classes)
            self.register_buffer("counts", torch.zeros(num_classes, dtype=torch.int64))
            self.counts: Tensor

        def learn_label_counts(self, counts: Tensor) -> None:
            self.counts.copy_(counts)

        def forward(self, image: Tensor) -> Tensor:
            """The counts as logits ``[B, C, 1, 1]``, the same for every image."""
            return self.counts.to(image.dtype).view(1, -1, 1, 1).expand(image.shape[0], -1, 1, 1)

        def predict(self, image: Tensor) -> Tensor:
            size = (image.shape[0], *image.shape[-2:])
            return self.counts.argmax().to(torch.uint8).expand(size).contiguous()

        def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
            raise NotImplementedError(f"'{card.name}' has no training stage")

    return Constant()


SYSTEMS = (SystemSpec(CARD, build),)
