"""ReLU computed by the convolution before it: the same numbers, one pass over the memory fewer.

oneDNN, which computes torch's convolutions on a CPU, can apply a ReLU to each output before it is written. Which ReLU
follows which convolution is found by watching one call of a system whose batch norms are folded.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn

from benchmark.cost.folding import followers, holders
from benchmark.system import System


class ReluFusion:
    """The pairs of a system, which can be fused and parted again."""

    def __init__(self, system: System, image: Tensor) -> None:
        """Watch ``system.predict(image)``; nothing is fused yet."""
        held, found = holders(system), followers(system, image, nn.ReLU)
        self.pairs = [(conv, relu, tuple(held[relu])) for relu, conv in found.items() if _fits(conv)]

    def switch(self, *, on: bool) -> None:
        """Fuse all pairs, or part them."""
        for conv, relu, held in self.pairs:
            if on:
                vars(conv)["forward"] = MethodType(_conv_relu, conv)
            else:
                del vars(conv)["forward"]
            for holder, name in held:
                setattr(holder, name, nn.Identity() if on else relu)


def has_relu(conv: nn.Conv2d) -> bool:
    """Whether a convolution is fused with a ReLU."""
    return getattr(vars(conv).get("forward"), "__func__", None) is _conv_relu


def _fits(conv: nn.Conv2d) -> bool:
    is_plain = type(conv) is nn.Conv2d and "forward" not in vars(conv)  # a library may have given it one
    return is_plain and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def _conv_relu(conv: nn.Conv2d, image: Tensor) -> Tensor:
    where = (conv.padding, conv.stride, conv.dilation, conv.groups)
    made: Tensor = torch.ops.mkldnn._convolution_pointwise(image, conv.weight, conv.bias, *where, "relu", [], "")
    return made
