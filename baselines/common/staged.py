"""Systems that train different modules in each stage and freeze the rest."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from torch import nn

from benchmark.card import Card
from benchmark.system import System

Self = TypeVar("Self", bound="StagedSystem")


class StagedSystem(System):
    """A system whose stages each train the modules of ``trained``; the rest is frozen, batch statistics included."""

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.stage = self.stages[-1]

    @abstractmethod
    def trained(self) -> list[nn.Module]:
        """The modules that the current stage trains."""

    def enter_stage(self, stage: str) -> None:
        """Unfreeze what the stage trains, and freeze everything else.

        Frozen parameters get no gradient, and frozen batch norms keep their running statistics (:meth:`train`).
        """
        self.stage = stage
        self.requires_grad_(False)
        for module in self.trained():
            module.requires_grad_(True)
        self.train(self.training)

    def train(self: Self, mode: bool = True) -> Self:
        """Training mode for what the stage trains; the rest keeps its batch statistics.

        Returns the system itself, as torch does.
        """
        super().train(False)
        self.training = mode
        for module in self.trained() if mode else ():
            module.train()
        return self
