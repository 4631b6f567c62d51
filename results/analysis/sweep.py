"""Cost against image size: the points of a sweep from records, how cost grows, and the largest image that fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.record import Record, Status


@dataclass(frozen=True)
class Point:
    """A system at one image size. Values are None where the record has none."""

    height: int
    width: int
    status: Status
    latency_ms: float | None  # median of the headline region
    memory_mib: float | None  # allocator's peak on a GPU; on a CPU the host's peak over idle with the weights
    reason: str = ""  # of a status other than ok

    @property
    def pixels(self) -> int:
        """Of the image."""
        return self.height * self.width


@dataclass(frozen=True)
class Growth:
    """The least-squares line through log value over log pixels: value ~ pixels ** exponent. 1 is linear."""

    exponent: float
    r_squared: float
    n: int


def points(records: Iterable[Record]) -> list[Point]:
    """The cost records of one system as points, smallest image first; of repeats the newest."""
    newest: dict[tuple[int, int], Record] = {}
    for record in sorted(records, key=lambda record: record.provenance.created):
        protocol = record.cell.protocol
        newest[protocol.height, protocol.width] = record
    return sorted((_point(record) for record in newest.values()), key=lambda point: point.pixels)


def _point(record: Record) -> Point:
    protocol, cost = record.cell.protocol, record.cost
    latency_ms = cost.headline.median_ms if cost and cost.headline else None
    memory_mib = None
    if cost:
        memory = cost.memory
        on_cpu = record.cell.device == "cpu"
        memory_mib = (memory.host_peak_with_weights_mib if on_cpu else memory.peak_allocated_mib).mib
    return Point(protocol.height, protocol.width, record.status, latency_ms, memory_mib, record.reason)


def growth(sweep: Sequence[Point], name: str) -> Growth | None:
    """How ``latency_ms`` or ``memory_mib`` grows with pixels; None with fewer than three points."""
    pairs = [(point.pixels, getattr(point, name)) for point in sweep if getattr(point, name)]
    if len(pairs) < 3:
        return None
    logs = [(math.log(pixels), math.log(value)) for pixels, value in pairs]
    mean_x, mean_y = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    spread_x = sum((x - mean_x) ** 2 for x, _ in logs)
    spread_y = sum((y - mean_y) ** 2 for _, y in logs)
    joint = sum((x - mean_x) * (y - mean_y) for x, y in logs)
    r_squared = joint**2 / (spread_x * spread_y) if spread_y else 1.0
    return Growth(joint / spread_x, r_squared, len(pairs))


def largest_that_fits(sweep: Sequence[Point]) -> tuple[Point | None, Point | None]:
    """The largest image measured, and the smallest that did not fit; None where there is none."""
    fitting = [point for point in sweep if point.status == "ok"]
    failing = [point for point in sweep if point.status == "oom"]
    return (fitting[-1] if fitting else None, failing[0] if failing else None)
