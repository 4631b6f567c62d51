"""FCtL's contextual correlation: a patch's deepest features attend to those of its contexts (ICCV 2021, section 3).

Source: liqiokkk/FCtL, ``models/FCtL.py`` and ``models/fcn.py`` of the branches main (Inria) and Deepglobe.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

WIDTH = 512
CONTEXTS = 3


class ContextAttention(nn.Module):
    """Attention of local features to a context's, times a learnt ``gamma`` that starts at zero."""

    def __init__(self, *, subtract_means: bool) -> None:
        super().__init__()
        self.subtract_means = subtract_means
        self.gamma = nn.Parameter(torch.zeros(1))
        self.value = nn.Conv2d(WIDTH, WIDTH, 1, bias=False)
        self.query = nn.Conv2d(WIDTH, WIDTH, 1)
        self.key = nn.Conv2d(WIDTH, WIDTH, 1)
        self.apply(narrow)

    def forward(self, local: Tensor, context: Tensor) -> Tensor:
        """Attended context ``[B, 512, h, w]`` at each place of ``local`` ``[B, 512, h, w]``.

        Scaled by the learned ``gamma``; the caller adds the local features.
        """
        value = self.value(context).flatten(2)
        attended = torch.bmm(self.weights(local, context), value.transpose(1, 2)).transpose(1, 2)
        return self.gamma * attended.reshape(local.shape)

    def weights(self, local: Tensor, context: Tensor) -> Tensor:
        """Softmax, unscaled, of every local place over all places of the context, ``[B, hw, h'w']``.

        Each place's weights sum to 1. With ``subtract_means``, queries and keys are first centred over their places.
        """
        query, key = self.query(local).flatten(2), self.key(context).flatten(2)
        if self.subtract_means:
            query, key = query - query.mean(2, keepdim=True), key - key.mean(2, keepdim=True)
        return torch.bmm(query.transpose(1, 2), key).softmax(dim=2)


class ContextFusion(nn.Module):
    """Three attentions, weighed at each place and channel against each other, added to the local features."""

    def __init__(self, *, subtract_means: bool) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(ContextAttention(subtract_means=subtract_means) for _ in range(CONTEXTS))
        self.enter = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(CONTEXTS))
        self.mix = nn.Conv2d(CONTEXTS * WIDTH, CONTEXTS * WIDTH, 1)
        self.leave = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(CONTEXTS))

    def forward(self, local: Tensor, contexts: Sequence[Tensor]) -> Tensor:
        """Local features ``[B, 512, h, w]`` and three contexts of that shape -> features of that shape."""
        attended = [attend(local, context) for attend, context in zip(self.attentions, contexts, strict=True)]
        return local + (self.gates(attended) * torch.stack(attended)).sum(0)

    def gates(self, attended: Sequence[Tensor]) -> Tensor:
        """Weights ``[3, B, 512, h, w]`` of the attended contexts, which sum to 1 over the three.

        Each context passes a 1x1 convolution, all are mixed by another, and a sigmoid precedes the softmax.
        """
        mixed = self.mix(torch.cat([enter(one) for enter, one in zip(self.enter, attended, strict=True)], dim=1))
        parts = zip(self.leave, mixed.split(WIDTH, dim=1), strict=True)
        return torch.stack([torch.sigmoid(leave(part)) for leave, part in parts]).softmax(dim=0)


def narrow(module: nn.Module) -> None:
    """The release's initialisation of attentions: weights of standard deviation 0.01, no bias.

    For ``nn.Module.apply``: layers other than convolutions are left alone.
    """
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
