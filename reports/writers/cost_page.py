"""Every cost record with the values that a table has no room for, as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.tables.frame import newest, records_frame
from reports.tables.table import plain, significant
from reports.writers.markdown import escape
from reports.writers.pages import pipe_table
from results.analysis.statistics import of_median
from results.cell import ENGINES
from results.record import Cost, LatencySamples, Record, Spread

_HOW_TO_READ = (
    "One line per system and timed region, lower is better except for the roofline; a dash means not measured, and the "
    "record says why."
)
_RULE = (
    "GFLOPs (2 x multiply-accumulate), GB moved and the share of the roofline reached are those of one predict call; "
    "clock, power and temperature are medians over the time of sampling; energy is that power times the median latency "
    "of the region behind the FPS; conv. shapes is the largest number of input shapes that one convolution meets in a "
    'call (cuDNN chooses an algorithm for each); "drifts" marks a latency that was not steady.'
)
_TIMES = ("Samples", "Median (ms)", "95 % interval", "p90 (ms)", "p99 (ms)", "Throttled")
_FACTS = (
    "GFLOPs",
    "GB moved",
    "Roofline (%)",
    "SM clock (MHz)",
    "Power (W)",
    "Energy (J/image)",
    "Temperature (°C)",
    "Smallest budget (MiB)",
    "Conv. shapes",
)
_PLACE = ["hardware", "dataset", "height", "width", "profile", "protocol_hash", "engine"]


def cost_page(records: Sequence[Record]) -> str:
    """The newest finished cost record of each cell, by machine, image size and protocol."""
    frame = newest(records_frame(records))
    done = frame[(frame["kind"] == "cost") & (frame["status"] == "ok")]
    known = {(record.key, record.provenance.created): record for record in records}
    parts = ["# Costs in full", _HOW_TO_READ, _RULE]
    for place, rows in done.groupby(_PLACE):
        hardware, dataset, height, width, profile, protocol, engine = place
        chosen = [known[key, created] for key, created in zip(rows["key"], rows["created"], strict=True)]
        lines = [line for record in chosen for line in _lines(record)]
        by = f", {ENGINES[engine]}" if engine in ENGINES else ""
        title = plain(f"{hardware}: {dataset}, {height}x{width}, profile {profile}, protocol {protocol}{by}")
        parts += [f"## {escape(title)}", pipe_table(lines, ("System", "Region", *_TIMES, *_FACTS), 2)]
    if done.empty:
        parts.append("No cost was measured.")
    return "\n\n".join(parts) + "\n"


def _lines(record: Record) -> Iterator[tuple[str, ...]]:
    """A line for each timed region of a record; the facts of the call are in the first one."""
    assert record.cost is not None
    facts = _facts(record.cost)
    for samples in record.cost.samples:
        yield (plain(record.cell.system), samples.region, *_times(samples), *facts)
        facts = ("",) * len(facts)


def _times(samples: LatencySamples) -> tuple[str, ...]:
    found = of_median(samples.latencies_ms)
    interval = (
        "–" if found.low is None or found.high is None else f"[{significant(found.low)}, {significant(found.high)}]"
    )
    throttled = "–" if samples.throttled is None else str(len(samples.throttled))
    tail = (samples.p90_ms, samples.p99_ms)
    return (
        str(len(samples.latencies_ms)),
        significant(samples.median_ms) + ("" if samples.steady else " drifts"),
        interval,
        *map(significant, tail),
        throttled,
    )


def _facts(cost: Cost) -> tuple[str, ...]:
    telemetry = cost.telemetry
    return (
        _number(cost.flops, 1e9),
        _number(cost.bytes_moved, 1e9),
        _number(cost.roofline_fraction, 0.01),
        *map(_median, (telemetry.sm_clock_mhz, telemetry.power_w)),
        _number(cost.joules_per_image, 1.0),
        _median(telemetry.temperature_c),
        _number(cost.smallest_budget_mib.mib, 1.0),
        "–" if cost.convolution_shapes is None else str(cost.convolution_shapes),
    )


def _number(value: float | None, unit: float) -> str:
    return "–" if value is None else significant(value / unit)


def _median(seen: Spread | None) -> str:
    return "–" if seen is None else significant(seen.median)
