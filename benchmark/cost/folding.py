"""Batch norm folded into the convolution before it: the same function of the image, up to rounding, in fewer passes.

In evaluation a batch norm scales and shifts each channel by fixed numbers, which the weights and the bias of a
convolution can hold. Which batch norm follows which convolution is found by watching one call of the system, so any
system can be folded, also a library's. Where a convolution's output is used elsewhere too, or a system reads its
weights itself, folding changes the labels, and whoever folds must compare them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import Parameter
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
    """Each module of a kind whose every input is the output of the same convolution, which nothing else reads.

    Found by watching ``system.predict(image)``.
    """
    sources: dict[M, set[nn.Conv2d | None]] = {}
    made: Counter[nn.Conv2d] = Counter()
    followed: Counter[nn.Conv2d | None] = Counter()

    def after_conv(module: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        made[module] += 1
        setattr(output, MADE_BY, module)  # on the tensor itself: kept in a list, all would stay in memory

    def before_follower(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        conv = getattr(inputs[0], MADE_BY, None)
        sources.setdefault(cast("M", module), set()).add(conv)
        followed[conv] += 1

    def after_follower(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output is inputs[0]:  # in place: no longer what the convolution made
            setattr(output, MADE_BY, None)

    convs = [module for module in system.modules() if isinstance(module, nn.Conv2d)]
    hooks = [conv.register_forward_hook(after_conv) for conv in convs]
    for module in system.modules():
        if type(module) is kind or (kind is _BatchNorm and isinstance(module, _BatchNorm)):
            hooks += [module.register_forward_pre_hook(before_follower), module.register_forward_hook(after_follower)]
    try:
        with _Reads() as reads:
            system.predict(image)
    finally:
        for hook in hooks:
            hook.remove()
    single = {follower: next(iter(convs)) for follower, convs in sources.items() if len(convs) == 1}
    uses = Counter(conv for convs in sources.values() for conv in convs)
    return {
        follower: conv
        for follower, conv in single.items()
        if conv and uses[conv] == 1 and followed[conv] == reads.of[conv] == made[conv]
    }


class _Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, counts the operators that read the output of each convolution; shapes and strides are no reads."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.of: Counter[nn.Conv2d] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operator and count."""
        convs = (getattr(leaf, MADE_BY, None) for leaf in tree_leaves((args, kwargs)))
        self.of.update(conv for conv in convs if conv is not None)
        return func(*args, **(kwargs or {}))
