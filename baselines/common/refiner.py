"""A system that refines the logits of another one, its base: DenseCRF, DGF, SegFix, CascadePSP."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from benchmark.card import Card
from benchmark.parts import part
from benchmark.system import System


class Refiner(System):
    """Trained in the base's stages with the base's loss, then in ``own_stages`` on the frozen base.

    Subclasses define :meth:`refined`; those with parameters also ``own_stages`` and :meth:`own_loss`.
    """

    own_stages: tuple[str, ...] = ()

    def __init__(self, card: Card, num_classes: int, base: System) -> None:
        super().__init__(card, num_classes)
        self.base = base
        self.stages = (*base.stages, *self.own_stages)
        self.stage = base.stages[0]

    @abstractmethod
    def refined(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]`` of an image ``[B, 3, H, W]`` from the base's ``coarse`` ``[B, C, h, w]``.

        May add to ``self.work``, which holds the base's counts at that point.

        The result has the image's size, whatever the stride of ``coarse``.
        """

    def own_loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Losses of the stages in ``own_stages``."""
        raise NotImplementedError(f"{type(self).__name__} names own stages {self.own_stages} but defines no own_loss")

    def coarse(self, image: Tensor) -> Tensor:
        """The base's logits ``[B, C, h, w]`` of a whole image or a crop, by the procedure on the base's card.

        Also sets ``self.work`` to the base's counts.
        """
        with part("base"):
            logits = self.base.logits(image).to(image)  # some bases sum theirs on the host in float64
        self.work = dict(self.base.work)
        return logits

    def logits(self, image: Tensor) -> Tensor:
        """Refined logits ``[B, C, H, W]``."""
        return self.refined(image, self.coarse(image))

    def forward(self, image: Tensor) -> Tensor:
        """Refined logits ``[B, C, H, W]`` of an image or crop."""
        return self.logits(image)

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The base's losses in its stages, then those of the refiner.

        Image ``[B, 3, H, W]`` in [0, 1], target int64 ``[B, H, W]`` with 255 for unlabelled pixels; scalars by name.
        """
        if self.stage in self.base.stages:
            return self.base.loss(image, target)
        return self.own_loss(image, target)

    def enter_stage(self, stage: str) -> None:
        """In the base's stages the refiner is frozen; in its own the base is, in eval mode."""
        self.stage = stage
        own = stage not in self.base.stages
        for parameter in self.own_parameters():
            parameter.requires_grad_(own)
        if own:
            self.base.requires_grad_(False).eval()
        else:
            self.base.enter_stage(stage)

    def own_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that are not the base's."""
        return (parameter for name, parameter in self.named_parameters() if not name.startswith("base."))

    def inference_form(self) -> System:
        """This system on the inference form of its base; it shares the weights.

        Only the top level is copied: both forms hold the same modules of the refiner.
        """
        lean = copy.copy(self)
        lean._modules = {**self._modules, "base": self.base.inference_form()}
        return lean

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Give the base its ImageNet weights.

        Raises:
            ValueError: the file is of another net.
        """
        self.base.load_imagenet(state)
