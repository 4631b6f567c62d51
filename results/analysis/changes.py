"""What changed between two sets of records of one cell: each measure with its interval, margin and verdict.

A change is a regression when its entire interval lies beyond both the tolerance and the noise floor, and a pass when
the interval rules out a worsening beyond the tolerance. Anything else is inconclusive.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from results.analysis.paired import paired
from results.analysis.statistics import FEWEST, Estimate, of_median
from results.cell import Model
from results.record import Cost, LatencySamples, Memory, Record

Verdict = Literal["pass", "regression", "improvement", "inconclusive"]
Quantity = Literal["latency", "memory", "accuracy", "exact", "status"]
Spans = Sequence[tuple[float, float, float]]  # value with its interval, by record

TOLERANCES: dict[Quantity, float] = {"latency": 3.0, "memory": 3.0, "accuracy": 0.5}  # percent, percent, points
# noise floors where neither repeats nor an A/A run give one: one process per side, one training per side
UNKNOWN_FLOORS: dict[Quantity, float] = {"latency": 30.0, "memory": 5.0, "accuracy": 2.0}
PEAKS = tuple(name for name in Memory.model_fields if name not in ("cuda_context_mib", "weights_mib"))


class Change(Model):
    """One measure of one cell. ``change`` and its interval are in percent of the base; for mIoU, in points."""

    measure: str
    quantity: Quantity
    base: float | None = None
    head: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = 0.0  # a worsening beyond it is a regression
    basis: str  # what the interval is computed from
    verdict: Verdict = "inconclusive"


def changes(base: Sequence[Record], head: Sequence[Record], floors: Mapping[str, float]) -> tuple[Change, ...]:
    """Every measure that both sides of one cell have. Records are in the order made: the n-th pairs with the n-th.

    Args:
        base: records of the cell, of one kind, one or more.
        head: the same for the other side.
        floors: noise floor by measure, in the measure's unit; for a measure not in it none is known.
    """
    good = [[record for record in records if record.status == "ok"] for records in (base, head)]
    if not all(good):
        return (_status(base, head),)
    if base[0].cell.kind == "accuracy":
        return (_accuracy(good[0], good[1], floors),)
    before, after = ([record.cost for record in records if record.cost] for records in good)
    return (*_exact(before, after), *_latencies(before, after, floors), *_memories(before, after, floors))


def _status(base: Sequence[Record], head: Sequence[Record]) -> Change:
    """One side has no measurement at all."""
    before, after = base[-1].status, head[-1].status
    verdict: Verdict = "inconclusive"
    if before == "ok" and after in ("oom", "failed"):
        verdict = "regression"
    elif after == "ok":
        verdict = "improvement"
    elif before == after:
        verdict = "pass"
    return Change(measure="status", quantity="status", basis=f"{before} -> {after}", verdict=verdict)


def _exact(base: Sequence[Cost], head: Sequence[Cost]) -> Iterator[Change]:
    """Counts, which have no noise."""
    for name in ("parameters", "flops"):
        before, after = getattr(base[-1], name), getattr(head[-1], name)
        if before and after is not None:
            percent = 100 * (after / before - 1)
            verdict = _verdict(percent, percent, 0.0, 0.0)
            yield Change(
                measure=name,
                quantity="exact",
                base=before,
                head=after,
                change=percent,
                low=percent,
                high=percent,
                basis="exact",
                verdict=verdict,
            )


def _latencies(base: Sequence[Cost], head: Sequence[Cost], floors: Mapping[str, float]) -> Iterator[Change]:
    for region in (samples.region for samples in base[-1].samples):
        before, after = _of_region(base, region), _of_region(head, region)
        if before and after:
            logs = [_log_ratio(*pair) for pair in zip(before, after, strict=False)]
            spans = [[_span(one) for one in side] for side in (before, after)]
            yield _ratio(f"{region}_latency_ms", "latency", logs, spans[0], spans[1], floors)


def _span(samples: LatencySamples) -> tuple[float, float, float]:
    """The median of one record's samples with its interval."""
    found = of_median(samples.latencies_ms)
    if found.low is None or found.high is None:
        return found.value, min(samples.latencies_ms), max(samples.latencies_ms)
    return found.value, found.low, found.high


def _of_region(costs: Sequence[Cost], region: str) -> list[LatencySamples]:
    return [samples for cost in costs for samples in cost.samples if samples.region == region]


def _log_ratio(base: LatencySamples, head: LatencySamples) -> float:
    """Log of the ratio of latencies, head over base: median over samples measured one after the other."""
    pairs = zip(base.latencies_ms, head.latencies_ms, strict=False)
    return statistics.median(math.log(after / before) for before, after in pairs)


def _memories(base: Sequence[Cost], head: Sequence[Cost], floors: Mapping[str, float]) -> Iterator[Change]:
    for name in PEAKS:
        before, after = ([getattr(cost.memory, name).mib for cost in side] for side in (base, head))
        if all(before) and all(after):
            logs = [math.log(later / earlier) for earlier, later in zip(before, after, strict=False)]
            spans = [[(mib, mib, mib) for mib in side] for side in (before, after)]
            yield _ratio(name, "memory", logs, spans[0], spans[1], floors)


def _ratio(
    measure: str, quantity: Quantity, logs: Sequence[float], base: Spans, head: Spans, floors: Mapping[str, float]
) -> Change:
    """A change in percent: by pairs of records where there are enough, else by the records' extremes."""
    before, after = (statistics.median(value for value, _, _ in side) for side in (base, head))
    estimate, basis = of_median(logs), f"{len(logs)} pairs of records"
    if len(logs) < FEWEST:
        low = math.log(min(low for _, low, _ in head) / max(high for _, _, high in base))
        high = math.log(max(high for _, _, high in head) / min(low for _, low, _ in base))
        estimate, basis = Estimate(math.log(after / before), low, high, len(logs)), f"extremes of {_records(len(logs))}"
    alone = len(logs) == 1 and measure not in floors
    floor = UNKNOWN_FLOORS[quantity] if alone else floors.get(measure, 0.0)
    basis += ", noise floor unknown" if alone else ""
    return _change(measure, quantity, before, after, _percent(estimate), floor, basis)


def _records(count: int) -> str:
    return f"{count} record{'s' * (count > 1)} a side"


def _percent(logs: Estimate) -> Estimate:
    def percent(log: float | None) -> float | None:
        return None if log is None else 100 * math.expm1(log)

    return Estimate(100 * math.expm1(logs.value), percent(logs.low), percent(logs.high), logs.n)


def _accuracy(base: Sequence[Record], head: Sequence[Record], floors: Mapping[str, float]) -> Change:
    """Mean IoU by the seeds that both sides have, or by the images while there are fewer than six seeds.

    An interval is widened to hold the change of the mIoU itself, which one large image can move alone.
    """
    found = paired(base, head)
    if not found:
        return Change(measure="miou_paper", quantity="accuracy", basis="no seed with a value on both sides")
    by_seeds = found.seeds.low is not None
    estimate = found.seeds if by_seeds else found.images
    basis = found.seeds_basis if by_seeds else f"{found.seeds.n} seed{'s' * (found.seeds.n > 1)}, {found.images_basis}"
    low, high = (
        None if end is None else pick(end, found.difference)
        for end, pick in ((estimate.low, min), (estimate.high, max))
    )
    floor = floors.get("miou_paper", 0.0 if by_seeds else UNKNOWN_FLOORS["accuracy"])
    widened = Estimate(found.difference, low, high, estimate.n)
    return _change("miou_paper", "accuracy", *found.means, widened, floor, basis)


def _change(
    measure: str, quantity: Quantity, base: float, head: float, estimate: Estimate, floor: float, basis: str
) -> Change:
    tolerance = TOLERANCES[quantity]
    sign = -1 if quantity == "accuracy" else 1  # of a worsening
    verdict: Verdict = "inconclusive"
    if estimate.low is not None and estimate.high is not None:
        low, high = sorted((sign * estimate.low, sign * estimate.high))
        verdict = _verdict(low, high, tolerance, floor)
    return Change(
        measure=measure,
        quantity=quantity,
        base=base,
        head=head,
        change=estimate.value,
        low=estimate.low,
        high=estimate.high,
        margin=max(tolerance, floor),
        basis=basis,
        verdict=verdict,
    )


def _verdict(low: float, high: float, tolerance: float, floor: float) -> Verdict:
    """The verdict on a worsening by ``low`` to ``high``."""
    margin = max(tolerance, floor)
    if low > margin:
        return "regression"
    if high < -margin:
        return "improvement"
    return "pass" if high <= tolerance else "inconclusive"
