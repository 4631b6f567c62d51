"""A way to run a system: what an optimized protocol chooses from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from results.cell import Precision


@dataclass(frozen=True)
class Form:
    """A way to run a system. ``fused`` and ``winograd`` go with ``channels_last`` and ``folded``, on a CPU in fp32."""

    channels_last: bool = False
    compiled: bool = False
    precision: Precision = "fp32"
    folded: bool = False
    fused: bool = False  # ReLUs with the convolutions before them
    winograd: bool = False

    @property
    def words(self) -> str:
        """As in records: "channels-last, compiled"; "as it is" without any change."""
        parts = ["channels-last"] * self.channels_last + ["batch norm folded"] * self.folded
        parts += ["ReLU fused"] * self.fused + ["Winograd"] * self.winograd + ["compiled"] * self.compiled
        parts += [self.precision] * (self.precision != "fp32")
        return ", ".join(parts) or "as it is"

    @property
    def layout(self) -> torch.memory_format:
        """Of the weights and the image."""
        return torch.channels_last if self.channels_last else torch.contiguous_format
