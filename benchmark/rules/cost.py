"""Rules about cost records: the samples look like samples, and the device can do what they say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from statistics import median

from benchmark.rules.common import AGAIN
from benchmark.rules.peaks import peak_tflops
from benchmark.rules.rule import Rule
from results.analysis.latency_statistics import percentile
from results.analysis.statistics import FEWEST
from results.record import Cost, LatencySamples, Record

FEWEST_DISTINCT = 0.5  # of the samples
REPEATED_RUN = 4  # samples that come again in the same order
LEAST_SPREAD = 1e-5  # largest over smallest sample, minus 1
CALIBRATION = 1.1  # what a matrix product may seem to exceed the data sheet by, where clocks are boosted
MOST_SAVED = 4.0  # multiplications that Winograd's F(4x4, 3x3) saves; FLOPs are counted without it
FP32_BYTES = 4
NEAR = 0.02  # relative difference of memory values that were read one after the other


def _regions(record: Record) -> Iterator[str]:
    if record.cost:
        wanted, absent = record.cell.protocol.timed_regions, record.cost.regions_absent
        timed = [samples.region for samples in record.cost.samples]
        if len(set(timed)) < len(timed) or {*timed, *absent} != set(wanted):
            yield f"regions {', '.join([*timed, *absent])}, but the protocol times {', '.join(wanted)}"


def _statistics(record: Record) -> Iterator[str]:
    for samples in _samples(record):
        values, region = samples.latencies_ms, samples.region
        own = {"median_ms": median(values), "p90_ms": percentile(values, 90), "p99_ms": percentile(values, 99)}
        for name, found in own.items():
            if not math.isclose(getattr(samples, name), found, rel_tol=1e-6):
                yield f"{region}: {name} {getattr(samples, name):.6g}, but its samples give {found:.6g}"
        low, high = samples.median_low_ms, samples.median_high_ms  # reports compute these again
        if not min(values) <= low <= samples.median_ms <= high <= max(values):
            yield f"{region}: an interval of the median from {low:.6g} to {high:.6g} ms"


def _are_samples(record: Record) -> Iterator[str]:
    for samples in _samples(record):
        values = samples.latencies_ms
        if len(values) < FEWEST:
            yield f"{samples.region}: {len(values)} samples, fewer than {FEWEST}"
        elif max(values) / min(values) - 1 < LEAST_SPREAD:
            yield f"{samples.region}: its {len(values)} samples do not vary"
        elif len(set(values)) < FEWEST_DISTINCT * len(values) or _repeats(values):
            yield f"{samples.region}: samples are copies of each other"
        elif all(value == round(value, 2) for value in values):
            yield f"{samples.region}: every sample is rounded; a clock gives more digits"


def _repeats(values: Sequence[float]) -> bool:
    """Whether a few samples come again later in the same order."""
    runs = [tuple(values[start : start + REPEATED_RUN]) for start in range(len(values) - REPEATED_RUN + 1)]
    return len(set(runs)) < len(runs)


def _scored_is_timed(record: Record) -> Iterator[str]:
    if record.cost and record.cost.scored_labels_hash not in ("", record.cost.labels_hash):
        yield "labels_hash of the timed call is not that of the scoring call"


def _compared(record: Record) -> Iterator[str]:
    if record.cost and not record.cost.scored_labels_hash:
        yield "the labels of the timed call were not compared with those of the scoring call"


def _peak(record: Record) -> Iterator[str]:
    cost, protocol = record.cost, record.cell.protocol
    if not cost:
        return
    sheet = peak_tflops(record.cell.device, protocol.precision, tf32=protocol.tf32)
    own = cost.ceilings.matmul_tflops if cost.ceilings else None
    if sheet and own and own > CALIBRATION * sheet:
        yield f"a matrix product reached {own:.4g} TFLOP/s, but a {record.cell.device} has {sheet:.4g}"
    limit = min((value for value in (sheet, own) if value), default=None)
    for samples in cost.samples if limit and cost.flops else ():
        if samples.region in ("predict", "end_to_end", "logits", "full_logits"):
            reached = (cost.flops or 0) / (samples.median_ms * 1e9)
            if reached > MOST_SAVED * (limit or 0):
                yield f"{samples.region}: {reached:.4g} TFLOP/s, but the device reaches {limit:.4g}"


def _memory(record: Record) -> Iterator[str]:
    if not record.cost:
        return
    memory = record.cost.memory
    for name, reading in (*memory, ("smallest_budget_mib", record.cost.smallest_budget_mib)):
        if (reading.mib is None) != bool(reading.reason):
            yield f"{name}: a value or the reason why there is none, not both"
    weights = memory.weights_mib.mib
    in_8_bits = record.cell.protocol.engine.endswith("-int8")
    needed = record.cost.parameters * (1 if in_8_bits else FP32_BYTES) / 2**20
    if weights is not None and weights < (1 - NEAR) * needed:
        yield f"weights_mib {weights:.1f}, but {record.cost.parameters:,} parameters take {needed:.1f}"
    device = record.environment.gpu_memory_mib
    rising = [weights, *(getattr(memory, name).mib for name in ("peak_allocated_mib", "peak_reserved_mib"))]
    rising += [memory.process_nvml_mib.mib, memory.device_gpustat_mib.mib, device]
    known = [value for value in rising if value is not None]
    if record.cell.device != "cpu" and any(a > b * (1 + NEAR) + 1 for a, b in itertools.pairwise(known)):
        yield "weights, allocated, reserved, process, device and the card's memory must rise in this order"
    parts = (memory.host_peak_over_idle_mib.mib, weights, memory.host_peak_with_weights_mib.mib)
    if all(part is not None for part in parts) and abs(sum(map(float, parts[:2])) - float(parts[2])) > 0.01:  # type: ignore[arg-type]
        yield "host_peak_with_weights_mib is not the sum of its parts"


def _flops(record: Record) -> Iterator[str]:
    cost = record.cost
    if cost and cost.flops is None and not cost.flops_reason:
        yield "no flops, and no reason"
    if cost and cost.flops is not None and cost.flops < cost.parameters // 1000:
        yield f"{cost.flops:,} FLOPs for a net of {cost.parameters:,} parameters"
    if cost and cost.trained_parameters < cost.parameters:
        yield "fewer parameters in training than in inference"


def _samples(record: Record) -> Sequence[LatencySamples]:
    cost: Cost | None = record.cost
    return cost.samples if cost else ()


RULES = (
    Rule("regions", "what is timed is what the protocol says", AGAIN, _regions),
    Rule("statistics", "median, interval and percentiles follow from the samples", AGAIN, _statistics),
    Rule("samples", "samples of a clock vary, and none is a copy", AGAIN, _are_samples),
    Rule("scored-timed", "what is timed is what is scored: the labels are the same", AGAIN, _scored_is_timed),
    Rule("not-compared", "what is timed is what is scored", AGAIN, _compared, refuses=False),
    Rule("peak", "no device computes faster than its peak", AGAIN, _peak),
    Rule("memory", "the parts of a device's memory add up", AGAIN, _memory),
    Rule("flops", "a net's FLOPs and parameters are of one net", AGAIN, _flops),
)
