"""A record beside its repetition: what is equal, what differs as was to be expected, and what does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from results.record import Accuracy, Cost, LatencySamples, Record
from results.values import moment

POINTS = 3.0  # of miou_paper, by which trainings may differ where rounding differs: it grows with every step
SPREAD = 0.10  # by which one machine's latency and memory vary from one day to another, beyond the interval of a run
SAME_MACHINE = ("device", "cpu_model", "cpu_threads", "gpu", "host_allocator")


MACHINE = {"hardware", "base_key"}  # fields of a cell that differ between machines alone


@dataclass(frozen=True)
class Finding:
    """One value of a record beside that of its repetition."""

    what: str
    recorded: str
    repeated: str
    remark: str
    holds: bool


@dataclass(frozen=True)
class Repetition:
    """A record, and a later one of the same cell, perhaps of another machine."""

    first: Record
    again: Record
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether the later record confirms the first one."""
        return all(one.holds for one in self.findings)


def repetitions(records: Iterable[Record]) -> list[Repetition]:
    """Each later record of a cell beside its first one, oldest first.

    An accuracy may be repeated on any machine with the same kind of device; a cost on the same hardware only, for
    elsewhere it says nothing.
    """
    by_cell: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda one: moment(one.provenance.created)):
        if record.status == "ok":
            left_out = MACHINE if record.cell.kind == "accuracy" else set()
            by_cell.setdefault(record.cell.model_dump_json(exclude=left_out), []).append(record)
    return [
        Repetition(first, again, tuple(findings(first, again))) for first, *later in by_cell.values() for again in later
    ]


def findings(record: Record, again: Record, points: float = POINTS) -> list[Finding]:
    """Compare a record with its repetition, which is a record of the same cell, perhaps on another machine.

    Accuracy must be equal to the last digit where both were trained in deterministic mode on the same kind of CPU with
    the same libraries, otherwise within ``points`` of miou_paper. Latency and memory are compared on the same machine
    only.
    """
    if record.status != again.status:
        return [Finding("status", record.status, again.status, again.reason or record.reason, holds=False)]
    if record.accuracy and again.accuracy:
        return list(_accuracies(record, record.accuracy, again, again.accuracy, points))
    if record.cost and again.cost:
        return list(_costs(record, record.cost, again, again.cost))
    return [Finding("status", record.status, again.status, "the same", holds=True)]


def other_machine(record: Record, again: Record) -> str:
    """How the machines or their libraries differ; empty where they are the same."""
    before, after = record.environment, again.environment
    changed = [name for name in SAME_MACHINE if getattr(before, name) != getattr(after, name)]
    changed += ["torch"] if before.libraries.get("torch") != after.libraries.get("torch") else []
    return ", ".join(changed)


def _accuracies(record: Record, old: Accuracy, again: Record, new: Accuracy, points: float) -> Iterator[Finding]:
    other = other_machine(record, again)
    exact = record.cell.protocol.deterministic and record.cell.device == "cpu" and not other
    why = "must be equal" if exact else f"within {points:g} points ({other or 'not in deterministic mode'})"
    for name in ("miou_paper", "miou_dataset", "boundary_iou"):
        before, after = getattr(old, name), getattr(new, name)
        same = before == after
        near = before is not None and after is not None and abs(after - before) <= points
        holds = same or (not exact and (near or name != "miou_paper"))
        yield Finding(name, _percent(before), _percent(after), "equal" if same else why, holds)
    for name in ("weights_hash", "labels_hash"):
        before, after = getattr(old, name), getattr(new, name)
        same = before == after
        yield Finding(name, str(before)[:12], str(after)[:12], "equal" if same else "differs", same or not exact)


def _costs(record: Record, old: Cost, again: Record, new: Cost) -> Iterator[Finding]:
    other = other_machine(record, again)
    for name in ("parameters", "flops"):
        before, after = getattr(old, name), getattr(new, name)
        yield Finding(name, str(before), str(after), "equal" if before == after else "differs", before == after)
    regions = {samples.region: samples for samples in new.samples}
    for samples in old.samples:
        if samples.region in regions:
            yield _latency(samples, regions[samples.region], other)
    before, after = (
        next((reading.mib for reading in (one.peak_allocated_mib, one.host_peak_with_weights_mib) if reading.mib), None)
        for one in (old.memory, new.memory)
    )
    if before and after:
        inside = abs(after / before - 1) <= SPREAD
        remark = f"another machine: {other}" if other else f"{after / before - 1:+.1%}, {SPREAD:.0%} allowed"
        yield Finding("memory (MiB)", f"{before:.0f}", f"{after:.0f}", remark, bool(other) or inside)


def _latency(old: LatencySamples, new: LatencySamples, other: str) -> Finding:
    low, high = old.median_low_ms, old.median_high_ms
    beyond = max(low / new.median_ms, new.median_ms / high) - 1
    remark = f"in its interval of {low:.4g} to {high:.4g}"
    if other:
        remark = f"another machine: {other}"
    elif beyond > 0:
        remark = f"{beyond:.1%} beyond its interval of {low:.4g} to {high:.4g}, {SPREAD:.0%} allowed"
    holds = bool(other) or beyond <= SPREAD
    return Finding(f"{old.region} latency (ms)", f"{old.median_ms:.4g}", f"{new.median_ms:.4g}", remark, holds)


def _percent(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4f}"
