"""Each system in its fastest form beside the system as it is, as a page of GitHub-flavoured Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from reports.tables.table import plain
from reports.writers.pages import pipe_table
from results.cell import ENGINES, Cell
from results.record import Cost, Record

_HOW_TO_READ = (
    "Records of `--optimized`: the forms that the device has are tried on the timed image, and the fastest that keeps "
    "99.9 % of the labels is kept. 'Faster' is the median time of the system as it is over that of its form, both "
    "from calls in turns in one process; one call each, and more if they take less than 20 s. Where no form is 2 % "
    "faster, the system stays as it is. The peak, weights included, of the system as it is comes from the record of "
    "the same cell without `--optimized`, and the times of ONNX Runtime and OpenVINO from those with `--engine`, in "
    "processes of their own; a dash means that there is none. In int8 labels may differ, see `isdbench evaluate "
    "--exported`."
)
_HEADS = (
    *("System", "Image", "Hardware", "Form", "Turns", "As it is (ms)", "In the form (ms)", "Faster"),
    *(
        "Same labels (%)",
        "Peak as it is (MiB)",
        "Peak in the form (MiB)",
        *(f"{name} (ms)" for name in ENGINES.values()),
    ),
)


def optimized_page(records: Sequence[Record]) -> str:
    """A line for each system that was measured so, the newest record of each."""
    return "\n\n".join(["# Systems in their fastest form", _HOW_TO_READ, optimized_lines(records)]) + "\n"


def optimized_lines(records: Sequence[Record]) -> str:
    """The table alone, with a sentence that counts."""
    costs = [record for record in sorted(records, key=_age) if record.cost]
    newest = {_faithful(one.cell): one for one in costs if one.cell.protocol.optimized}
    exported = [one for one in costs if one.cell.protocol.engine in ENGINES]
    faithful = {one.key: one for one in costs}
    engines: dict[tuple[str, str], Record] = {(_faithful(one.cell), one.cell.protocol.engine): one for one in exported}
    if not newest:
        return "No record is of an optimized form."
    gains = [gain for record in newest.values() if record.cost and (gain := _gain(record.cost))]
    counted = f"Faster at all: {len(gains)} of {len(newest)}; at least 1.3 times: {sum(one >= 1.3 for one in gains)}."
    lines = [
        _line(record, faithful.get(key), [engines.get((key, name)) for name in ENGINES])
        for key, record in newest.items()
    ]
    return f"{counted}\n\n{pipe_table(lines, _HEADS, 4)}"


def _line(record: Record, faithful: Record | None, exported: Sequence[Record | None]) -> tuple[str, ...]:
    cost, protocol = record.cost, record.cell.protocol
    assert cost is not None
    own, form = ([turn[index] for turn in cost.turns_ms] for index in (0, 1))
    times = [f"{statistics.median(own):.0f}", f"{statistics.median(form):.0f}", f"{_gain(cost):.2f}x"] if own else []
    words = (record.cell.system, f"{protocol.height}x{protocol.width}", _hardware(record), cost.form)
    peaks = [_peak(faithful.cost if faithful else None), _peak(cost)]
    kept = f"{cost.labels_kept:.3f}"
    engines = [_median(one.cost if one else None) for one in exported]
    return (*map(plain, words), str(len(own) or "–"), *(times or ["–"] * 3), kept, *peaks, *engines)


def _gain(cost: Cost) -> float:
    """How many times faster the form is; 0 where the system stayed as it is."""
    if not cost.turns_ms:
        return 0.0
    own, form = (statistics.median(turn[index] for turn in cost.turns_ms) for index in (0, 1))
    return own / form


def _median(cost: Cost | None) -> str:
    return f"{cost.headline.median_ms:.0f}" if cost and cost.headline else "–"


def _peak(cost: Cost | None) -> str:
    if cost is None:
        return "–"
    found = [cost.memory.peak_allocated_mib.mib, cost.memory.host_peak_with_weights_mib.mib]
    return next((f"{mib:.0f}" for mib in found if mib is not None), "–")


def _hardware(record: Record) -> str:
    return record.cell.hardware or record.environment.cpu_model


def _faithful(cell: Cell) -> str:
    """The key of the cell that measures the system as it is, by torch."""
    protocol = cell.protocol.model_copy(update={"optimized": False, "engine": "torch"})
    return cell.model_copy(update={"protocol": protocol}).key


def _age(record: Record) -> str:
    return record.provenance.created
