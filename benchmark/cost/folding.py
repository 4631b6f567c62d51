"""Batch norm folded into the convolution before it: the same function of the image, up to rounding, in fewer passes.

In evaluation a batch norm scales and shifts each channel by fixed numbers, which the weights and the bias of a
convolution can hold. Which batch norm follows which convolution is found by watching one call of the system, so any
system can be folded, also a library's. Where a convolution's output is used elsewhere too, or a system reads its
weights itself, folding changes the labels, and whoever folds must compare them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import Parameter
from torch.nn.utils.fusion import fuse_conv_bn_weights

from benchmark.system import System

MADE_BY = "_made_by_convolution"
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Pair:
    """A convolution, the batch norm after it, the modules that hold the batch norm, and both sets of weights."""

    conv: nn.Conv2d
    norm: _BatchNorm
    holders: tuple[tuple[nn.Module, str], ...]
    own: tuple[Parameter, Parameter | None]
    folded: tuple[Parameter, Parameter | None]


class Folding:
    """The pairs of a system, which can be folded and unfolded again."""

    def __init__(self, system: System, image: Tensor) -> None:
        """Watch ``system.predict(image)``; nothing is folded yet."""
        held = holders(system)
        found = followers(system, image, _BatchNorm).items()
        self.pairs = [_pair(conv, norm, held[norm]) for norm, conv in found if norm.running_mean is not None]

    def switch(self, *, folded: bool) -> None:
        """Fold all pairs, or restore them."""
        for pair in self.pairs:
            pair.conv.weight, pair.conv.bias = pair.folded if folded else pair.own
            for holder, name in pair.holders:
                setattr(holder, name, nn.Identity() if folded else pair.norm)


def holders(system: System) -> dict[nn.Module, list[tuple[nn.Module, str]]]:
    """The modules that hold each module, and its name in them."""
    found: dict[nn.Module, list[tuple[nn.Module, str]]] = {}
    for module in system.modules():
        for name, child in module.named_children():
            found.setdefault(child, []).append((module, name))
    return found


def _pair(conv: nn.Conv2d, norm: _BatchNorm, holders: list[tuple[nn.Module, str]]) -> Pair:
    assert norm.running_mean is not None  # it is folded only then
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    folded = Parameter(weight, requires_grad=False), Parameter(bias, requires_grad=False)
    own = cast("tuple[Parameter, Parameter | None]", (conv.weight, conv.bias))  # torch's stubs say Tensor
    return Pair(conv, norm, tuple(holders), own, folded)


def followers(system: System, image: Tensor, kind: type[M]) -> dict[M, nn.Conv2d]:
    """Each module of a kind whose every input is the output of the same convolution, which feeds no other of the kind.

    Found by watching ``system.predict(image)``.
    """
    sources: dict[M, set[nn.Conv2d | None]] = {}

    def after_conv(module: nn.Module, _: object, output: Tensor) -> None:
        setattr(output, MADE_BY, module)  # on the tensor itself: kept in a list, all would stay in memory

    def before_follower(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, kind):
            sources.setdefault(module, set()).add(getattr(inputs[0], MADE_BY, None))

    convs = [module for module in system.modules() if isinstance(module, nn.Conv2d)]
    hooks = [conv.register_forward_hook(after_conv) for conv in convs]
    hooks += [one.register_forward_pre_hook(before_follower) for one in system.modules() if isinstance(one, kind)]
    try:
        system.predict(image)
    finally:
        for hook in hooks:
            hook.remove()
    single = {follower: next(iter(convs)) for follower, convs in sources.items() if len(convs) == 1}
    uses = Counter(conv for convs in sources.values() for conv in convs)
    return {follower: conv for follower, conv in single.items() if conv and uses[conv] == 1}
