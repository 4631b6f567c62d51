"""The two published forms of FCtL, for DeepGlobe and for Inria, with other contexts and stages; a faster one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines.common import pillow_resize
from baselines.common.patches import patches_at_once
from baselines.fctl.attention import narrow
from baselines.fctl.short import ShortTrunk
from baselines.fctl.system import FCtL
from benchmark.card import Card

FEWEST = 4  # patches: of fewer, the black patch takes most of what it saves, or more where patches are small
MIB_PER_PIXEL = 0.75e-3  # of a patch at the first stage's peak: twice 64 maps at 1.2 times the patch's side


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


class BatchedFCtL(FCtLDeepGlobe):
    """The labels of DeepGlobe's form; in a prediction its trunks leave out what their padding alone determines."""

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.short: dict[str, ShortTrunk] = {}  # by context, and "" for the patch itself; only during a prediction
        self.at_once = 1  # patches that go through a trunk together

    def logits(self, image: Tensor) -> Tensor:
        """As released, ``[B, C, H, W]``."""
        grid = self.grid(image)
        if len(grid) < FEWEST:
            return super().logits(image)
        with self.shortened(image, grid.patch):
            return super().logits(image)

    @contextlib.contextmanager
    def shortened(self, image: Tensor, patch: tuple[int, int]) -> Iterator[None]:
        """While open, patches of this size, with the type and device of ``image``, go through the short trunks."""
        self.at_once = patches_at_once(image.device, MIB_PER_PIXEL, patch)
        trunks = {"": self.net.features, **{name: self.encoders[name] for name in self.regions}}
        try:
            for name, trunk in trunks.items():
                assert isinstance(trunk, nn.Sequential)
                self.short[name] = ShortTrunk(trunk, patch, image)
            yield
        finally:
            self.short.clear()

    def encoded_region(self, name: str, region: Tensor) -> Tensor:
        """As released."""
        return self._pools(name, region)[-1] if self.short else super().encoded_region(name, region)

    def encoded(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As released."""
        return self._pools("", patches) if self.short else super().encoded(patches)

    def _pools(self, name: str, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool3, pool4 and pool5 of patches by the short trunk of a context, ``at_once`` patches at a time.

        The layers after the trunks take the released batch in one call, which reorders 400 MiB of weights on a CPU.
        """
        parts = [self.short[name](some) for some in torch.split(patches, self.at_once)]
        pool3, pool4, pool5 = (torch.cat(maps) for maps in zip(*parts, strict=True))
        return pool3, pool4, pool5
