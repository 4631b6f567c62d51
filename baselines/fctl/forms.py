"""The two published forms of FCtL: one for DeepGlobe, one for Inria, with other contexts and other stages."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from baselines.common import pillow_resize
from baselines.fctl.attention import narrow
from baselines.fctl.system import FCtL
from benchmark.card import Card


class FCtLDeepGlobe(FCtL):
    """Contexts: the patch itself, the region of three times its side, the whole image (branch Deepglobe, mode 4)."""

    released_batch = 8
    subtract_means = True
    context_encoders = ("medium", "large")
    regions: ClassVar[dict[str, int]] = {"medium": 3}
    stages = ("global", "local", "medium", "all")  # the release's modes 0, 1, 2 and 4

    def shared_context(self, image: Tensor, patch: tuple[int, int]) -> tuple[Tensor, ...]:
        """Features of the whole image reduced to a patch."""
        return (self.encoders["large"](pillow_resize.bilinear(image, patch)),)

    def ordered(self, local: Tensor, contexts: list[Tensor]) -> list[Tensor]:
        """Local, medium, large."""
        return [local, *contexts]

    def enter_stage(self, stage: str) -> None:
        """Keep the encoder that the stage before has trained, and unfreeze what this one trains."""
        self.stage = stage
        if stage == "global":
            self.train_only(self.hire_apprentice())
        elif stage == "local":
            self.keep_encoder("large")
            self.train_only(self.net)
        elif stage == "medium":
            self.train_only(self.hire_apprentice(), self.apprentice_attention)
        else:
            self.keep_encoder("medium")
            self.train_only(self.net, self.fusion)


class FCtLInria(FCtL):
    """Contexts: the regions of two and of three times the patch's side, the patch itself (branch main, mode 3)."""

    released_batch = 16
    subtract_means = False
    context_encoders = ("twice", "thrice")
    regions: ClassVar[dict[str, int]] = {"twice": 2, "thrice": 3}
    stages = ("local", "thrice", "twice", "all")  # Bfcn, B15, B10, all; the last goes on from B10

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.fusion.apply(narrow)

    def ordered(self, local: Tensor, contexts: list[Tensor]) -> list[Tensor]:
        """Twice, thrice, local."""
        return [*contexts, local]

    def enter_stage(self, stage: str) -> None:
        """Keep the encoder that the stage before has trained, and unfreeze what this one trains."""
        self.stage = stage
        if stage == "local":
            self.train_only(self.net)
        elif stage == "thrice":
            self.train_only(self.hire_apprentice(), self.apprentice_attention)
        elif stage == "twice":
            self.keep_encoder("thrice")
            self.train_only(self.net, self.fusion.attentions[0])
        else:
            self.keep_encoder("twice")
            self.train_only(self.net, self.fusion)
