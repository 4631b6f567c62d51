"""Parameters, FLOPs and bytes moved: what a system costs on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmark.machine.oom import is_out_of_memory
from benchmark.system import System

UNWRITTEN = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")  # memory taken, not touched
# One kernel each, which torch would take apart into the many sums of its Python reference, at many times the time
WHOLE = ("upsample_", "_upsample_")


@dataclass(frozen=True)
class Counts:
    """What one ``predict`` call does; None and a reason where that cannot be counted."""

    flops: int | None
    bytes_moved: int | None
    reason: str = ""


def parameters(module: nn.Module) -> int:
    """Number of weights of a module as it is, shared ones once. Buffers (BatchNorm's statistics) are not counted."""
    return sum(parameter.numel() for parameter in module.parameters())


def flops(system: System, image: Tensor) -> tuple[int | None, str]:
    """FLOPs of one ``predict`` call, or None and why there is no figure: see :func:`count`."""
    counts = count(system, image)
    return counts.flops, counts.reason


def count(system: System, image: Tensor) -> Counts:
    """FLOPs and bytes moved of one ``predict`` call on an image ``[B, 3, H, W]``.

    Counted while the call runs, so that all passes of a multi-pass method are in it, also where their number depends on
    the image. FLOPs by ``torch.utils.flop_counter``: a multiply-accumulate is 2; convolutions, matrix products and
    attention are counted, and no normalisation, activation, pooling or resize. Bytes by :class:`Traffic`.

    Raises:
        Exception: whatever the system raised because memory was exhausted.
    """
    traffic = Traffic()
    try:
        # older torch (2.11) does not count the CPU's fused attention; as matrix products it is counted everywhere
        with sdpa_kernel(SDPBackend.MATH), torch.inference_mode(), FlopCounterMode(display=False) as counter, traffic:
            system.predict(image)
    except Exception as error:  # a third party's kernel may not bear the counters; the timed calls run without them
        if is_out_of_memory(error):
            raise
        return Counts(None, None, f"not countable: {type(error).__name__}: {error}")
    return Counts(int(counter.get_total_flops()), traffic.bytes_moved)


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the bytes of the tensors that operators read and write while open, each operand of each operator once.

    Views cost nothing. What caches spare, what kernels fuse and what one kernel reads twice is not in it: it is the
    traffic of the operators as the net names them.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes_moved = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operator, or the operators that it is made of, and count."""
        kwargs = kwargs or {}
        if not func.overloadpacket.__name__.startswith(WHOLE):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        output = func(*args, **kwargs)
        if not _gives_a_view(func) and func.overloadpacket.__name__ not in UNWRITTEN:
            self.bytes_moved += sum(map(_touched, _tensors([args, kwargs, output])))
        return output


def _gives_a_view(func: Any) -> bool:
    aliases = [output.alias_info for output in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(branch)


def _touched(tensor: Tensor) -> int:
    """Bytes of a tensor's elements; an expanded one has no more than its storage."""
    return min(tensor.nbytes, tensor.untyped_storage().nbytes())
