"""Where one predict call spends its time: operators by the part of the net that called them, against the roofline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from results.record import Ceilings

Path = tuple[str, ...]  # of modules, from the system downwards


@dataclass
class Operation:
    """All calls of one operator by one module."""

    path: Path
    operator: str
    calls: int = 0
    seconds: float = 0.0
    flops: int = 0  # 2 x multiply-accumulate
    bytes_moved: int = 0  # operands, read and written once each


@dataclass(frozen=True)
class Part:
    """A module with all that runs inside it."""

    path: Path
    seconds: float
    flops: int
    bytes_moved: int
    peak_mib: float  # of tensors alive at one time while it ran
    bound_seconds: float  # what the roofline allows for its operators


@dataclass(frozen=True)
class Saving:
    """What one part would save if one of its operators ran at the roofline."""

    path: Path
    operator: str
    seconds: float
    of_seconds: float


@dataclass(frozen=True)
class Profile:
    """One profiled call of a system."""

    system: str
    height: int
    width: int
    device: str
    hardware: str
    seconds: float  # of the call without the profiler
    ceilings: Ceilings
    operations: Sequence[Operation]
    peaks_mib: dict[Path, float] = field(default_factory=dict)

    def bound(self, operation: Operation) -> float:
        """The least seconds that the roofline allows for an operation."""
        return max(
            operation.flops / (self.ceilings.matmul_tflops * 1e12),
            operation.bytes_moved / (self.ceilings.copy_gb_s * 1e9),
        )

    def parts(self, depth: int) -> list[Part]:
        """Modules down to a depth: the whole system, then each module before those inside it, as they first ran."""
        ran: dict[Path, int] = {}
        for one in self.operations:
            for length in range(min(depth, len(one.path)) + 1):
                ran.setdefault(one.path[:length], len(ran))
        ordered = sorted(ran, key=lambda path: [ran[path[:length]] for length in range(1, len(path) + 1)])
        return [self._part(path) for path in ordered]

    def _part(self, path: Path) -> Part:
        inside = [one for one in self.operations if one.path[: len(path)] == path]
        return Part(
            path,
            seconds=sum(one.seconds for one in inside),
            flops=sum(one.flops for one in inside),
            bytes_moved=sum(one.bytes_moved for one in inside),
            peak_mib=max((peak for place, peak in self.peaks_mib.items() if place[: len(path)] == path), default=0.0),
            bound_seconds=sum(map(self.bound, inside)),
        )

    def by_operator(self) -> list[Operation]:
        """All calls of each operator, the slowest first."""
        return sorted(self._summed(lambda one: ((), one.operator)), key=lambda one: -one.seconds)

    def savings(self, count: int = 3, depth: int = 2) -> list[Saving]:
        """The largest: operators of a part whose time exceeds what the roofline allows by most."""
        found = [
            Saving(one.path, one.operator, one.seconds - self.bound(one), one.seconds)
            for one in self._summed(lambda one: (one.path[:depth], one.operator))
        ]
        return sorted(found, key=lambda one: -one.seconds)[:count]

    def _summed(self, place: Callable[[Operation], tuple[Path, str]]) -> list[Operation]:
        sums: dict[tuple[Path, str], Operation] = {}
        for one in self.operations:
            total = sums.setdefault(place(one), Operation(*place(one)))
            total.calls += one.calls
            total.seconds += one.seconds
            total.flops += one.flops
            total.bytes_moved += one.bytes_moved
        return list(sums.values())
