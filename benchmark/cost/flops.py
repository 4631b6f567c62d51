"""Parameters, FLOPs and bytes moved: what a system costs on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmark.machine.oom import is_out_of_memory
from benchmark.system import System

UNWRITTEN = (
    "empty",
    "new_empty",
    "empty_like",
    "empty_strided",
    "new_empty_strided",
)  # allocate memory without writing it
# Each is one kernel, but torch would decompose it into the many operators of its Python reference, which is far slower
ONE_KERNEL = ("upsample_", "_upsample_")
CONVOLUTIONS = ("convolution", "cudnn_convolution", "mkldnn_convolution")


@dataclass(frozen=True)
class Counts:
    """What one ``predict`` call does; None and a reason where that cannot be counted.

    ``convolution_shapes`` is the largest number of different input shapes that one convolution met: cuDNN chooses an
    algorithm for each of them.
    """

    flops: int | None
    bytes_moved: int | None
    convolution_shapes: int | None
    reason: str = ""


def parameters(module: nn.Module) -> int:
    """Number of parameters of a module, shared ones once. Buffers (BatchNorm's statistics) are not counted."""
    return sum(parameter.numel() for parameter in module.parameters())


def count(system: System, image: Tensor) -> Counts:
    """FLOPs and bytes moved of one ``predict`` call on an image ``[B, 3, H, W]``.

    Counted while the call runs, so that all passes of a multi-pass method are included, even where their number depends
    on the image. FLOPs by ``torch.utils.flop_counter``: a multiply-accumulate is 2; convolutions, matrix products and
    attention are counted; normalisation, activation, pooling and resizing are not. Bytes by :class:`Traffic`.

    Raises:
        Exception: the system's own, if memory ran out.
    """
    traffic = Traffic()
    try:
        # older torch (2.11) does not count the CPU's fused attention; as matrix products it is counted everywhere
        with sdpa_kernel(SDPBackend.MATH), torch.inference_mode(), FlopCounterMode(display=False) as counter, traffic:
            system.predict(image)
    except Exception as error:  # a third party's kernel may fail under the counters; the timed calls run without them
        if is_out_of_memory(error):
            raise
        return Counts(None, None, None, f"cannot be counted: {type(error).__name__}: {error}")
    return Counts(int(counter.get_total_flops()), traffic.bytes_moved, traffic.convolution_shapes)


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, hands every operator to :meth:`run`, or instead of it the operators that it decomposes into."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Decompose an operator where that is possible, else run it."""
        kwargs = kwargs or {}
        if not func.overloadpacket.__name__.startswith(ONE_KERNEL):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        return self.run(func, args, kwargs)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run an operator."""
        return func(*args, **kwargs)


class Traffic(Operators):  # type: ignore[no-untyped-call]
    """Sums the bytes of the tensors that operators read and write while open, each operand of each operator once.

    Views cost nothing. Caches, fused kernels and repeated reads inside one kernel are not modelled. It also notes which
    shapes of input each convolution, told by its weights, meets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes_moved = 0
        self._met: dict[int, set[torch.Size]] = {}

    @property
    def convolution_shapes(self) -> int:
        """The largest number of different input shapes that one convolution met."""
        return max(map(len, self._met.values()), default=0)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run an operator and count."""
        if func.overloadpacket.__name__ in CONVOLUTIONS:
            image, weight = args[:2]
            self._met.setdefault(weight.data_ptr(), set()).add(image.shape)
        output = func(*args, **kwargs)
        if moves(func):
            self.bytes_moved += tensor_bytes([args, kwargs, output])
        return output


def moves(func: Any) -> bool:
    """Whether an operator reads or writes memory: views and bare allocations do not."""
    aliases = [one.alias_info for one in func._schema.returns]
    is_view = any(alias is not None and not alias.is_write for alias in aliases)
    return not is_view and func.overloadpacket.__name__ not in UNWRITTEN


def tensor_bytes(tree: Any) -> int:
    """Bytes of the tensors in nested lists, tuples and dicts; an expanded tensor counts no more than its storage."""
    if isinstance(tree, Tensor):
        return min(tree.nbytes, tree.untyped_storage().nbytes())
    if isinstance(tree, list | tuple | dict):
        return sum(map(tensor_bytes, tree.values() if isinstance(tree, dict) else tree))
    return 0
