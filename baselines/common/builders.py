"""Builders of nets that come from a library as they are. Torch is imported only when a system is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmark.card import Card
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.system import System

Builder = Callable[[Card, int], "System"]


def mmseg_builder(config: str, imagenet_into: str = "backbone") -> Builder:
    """Builds the net of an mmsegmentation configuration, such as ``"stdc/stdc1_....py"``.

    ``imagenet_into`` is the path of the submodule that the card's ImageNet file fills.
    """

    def build(card: Card, num_classes: int) -> System:
        from baselines.common.mmseg_adapter import MMSegSystem, library_config

        model = library_config(config)
        if model["type"] != "EncoderDecoder":
            raise UserError(f"mmsegmentation configuration '{config}': a {model['type']}, not an EncoderDecoder")
        return MMSegSystem(card, num_classes, model, imagenet_into=imagenet_into)

    return build


def smp_builder(architecture: str, encoder: str) -> Builder:
    """Builds a net of segmentation-models-pytorch, such as ``"Unet"`` on ``"resnet34"``."""

    def build(card: Card, num_classes: int) -> System:
        from baselines.common.smp_adapter import SMPSystem

        return SMPSystem(card, num_classes, architecture, encoder)

    return build
