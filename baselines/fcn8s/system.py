"""FCN-8s behind the System contract."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from baselines.common.losses import cross_entropy
from baselines.fcn8s.net import FCN8s, fill, vgg_names
from benchmark.card import Card
from benchmark.system import System


class FCN8sSystem(System):
    """FCN-8s, trained with cross-entropy."""

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.net = FCN8s(num_classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]``."""
        logits: Tensor = self.net(self.normalised(image))
        return logits

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy over the labelled pixels."""
        return {"cross_entropy": cross_entropy(self(image), target)}

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the trunk, fc6 and fc7 from torchvision's VGG-16 file.

        Raises:
            ValueError: the file is of another net; the message names the first missing key.
        """
        layers = {ours: self.net.get_submodule(ours) for ours in vgg_names()}
        pairs = [
            (parameter, f"{vgg_names()[ours]}.{name}")
            for ours, layer in layers.items()
            for name, parameter in layer.named_parameters()
        ]
        fill(pairs, state)
