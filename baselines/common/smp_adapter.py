"""The only file that imports segmentation-models-pytorch: its nets behind the System contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from baselines.common.losses import cross_entropy, padded_pair
from benchmark.card import Card
from benchmark.errors import UnknownNameError, UserError
from benchmark.published import load_all
from benchmark.system import System


class SMPSystem(System):
    """A net of segmentation-models-pytorch, trained with cross-entropy.

    Args:
        architecture: the library's name, such as ``"Unet"``.
        encoder: the library's name, such as ``"resnet34"``.
        options: further arguments of the architecture.

    Raises:
        UserError: the library does not know the architecture or the encoder, or cannot combine them.
    """

    def __init__(self, card: Card, num_classes: int, architecture: str, encoder: str, **options: Any) -> None:
        import segmentation_models_pytorch as smp

        super().__init__(card, num_classes)
        known = {build.__name__: build for build in smp.MODEL_ARCHITECTURES_MAPPING.values()}
        if architecture not in known:
            raise UnknownNameError("architecture of segmentation-models-pytorch", architecture, known)
        try:
            self.net: Any = known[architecture](encoder, encoder_weights=None, classes=num_classes, **options)
        except (KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{architecture} of segmentation-models-pytorch on '{encoder}': {reason}") from error

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]``.

        The image ``[B, 3, H, W]`` is in [0, 1] and normalised here. Its sides must be multiples of the card's
        ``size_multiple``.
        """
        logits: Tensor = self.net(self.normalised(image))
        return logits

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy over the labelled pixels."""
        image, target = padded_pair(image, target, self.card.size_multiple)
        return {"cross_entropy": cross_entropy(self(image), target)}

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the encoder from an ImageNet file in torchvision's layout.

        Raises:
            ValueError: the file is of another net; the message names the first missing key.
        """
        load_all(self.net.encoder, state)
