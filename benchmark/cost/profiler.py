"""Times every operator of one predict call and notes which module called it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmark.cost.flops import Operators, moves, tensor_bytes
from benchmark.cost.roofline import ceilings
from benchmark.cost.timed_system import TimedSystem
from results.analysis.profile import Operation, Path, Profile

REST = "(rest)"  # of a system, outside any module of it
MIB = 2**20


class Profiler(Operators):  # type: ignore[no-untyped-call]
    """While open, sums each operator's time, FLOPs and bytes by module, and the bytes of tensors that are alive.

    Tensors that exist already, the weights and the image, are not counted as alive.
    """

    def __init__(self, synchronise: Callable[[], Any]) -> None:
        super().__init__()
        self.synchronise = synchronise
        self.path: list[str] = []
        self.operations: dict[tuple[Path, str], Operation] = {}
        self.peaks: dict[Path, int] = {}
        self.alive, self.seen = 0, set[int]()

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run and note one operator."""
        self.synchronise()
        start = time.perf_counter()
        output = func(*args, **kwargs)
        self.synchronise()
        seconds = time.perf_counter() - start
        place = (tuple(self.path) or (REST,), func.overloadpacket.__name__)
        one = self.operations.setdefault(place, Operation(*place))
        one.calls += 1
        one.seconds += seconds
        if func.overloadpacket in flop_registry:
            one.flops += flop_registry[func.overloadpacket](*args, **kwargs, out_val=output)
        if moves(func):
            one.bytes_moved += tensor_bytes([args, kwargs, output])
        self._keep(output)
        self.peaks[place[0]] = max(self.peaks.get(place[0], 0), self.alive)
        return output

    def _keep(self, output: Any) -> None:
        """Count the memory of new tensors until they die."""
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.seen:
                    self.seen.add(storage._cdata)
                    self.alive += storage.nbytes()
                    weakref.finalize(storage, self._drop, storage._cdata, storage.nbytes())

    def _drop(self, identity: int, size: int) -> None:
        self.seen.discard(identity)
        self.alive -= size

    @contextmanager
    def following(self, system: nn.Module) -> Iterator[None]:
        """Keep ``path`` at the innermost module of the system that runs."""
        hooks = []
        for name, module in system.named_modules():
            if name:
                enter, leave = self._hooks(tuple(name.split(".")))
                hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _hooks(self, name: Path) -> tuple[Callable[..., None], Callable[..., None]]:
        before: list[list[str]] = []

        def enter(*_: Any) -> None:
            before.append(self.path)
            self.path = list(name)

        def leave(*_: Any) -> None:
            self.path = before.pop()

        return enter, leave


def profiled(timed: TimedSystem, hardware: str) -> Profile:
    """Profile one predict call, after one that warms up and one that is timed as a whole."""
    seconds = []
    for _ in range(2):
        timed.synchronise()
        start = time.perf_counter()
        timed.system.predict(timed.batch)
        timed.synchronise()
        seconds.append(time.perf_counter() - start)
    profiler = Profiler(timed.synchronise)
    with profiler.following(timed.system), profiler:
        timed.system.predict(timed.batch)
    protocol = timed.protocol
    return Profile(
        system=timed.system.card.name,
        height=protocol.height,
        width=protocol.width,
        device=timed.device,
        hardware=hardware,
        seconds=seconds[-1],
        ceilings=ceilings(timed.device, timed.synchronise),
        operations=list(profiler.operations.values()),
        peaks_mib={path: peak / MIB for path, peak in profiler.peaks.items()},
    )
