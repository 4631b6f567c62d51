"""The claims audit: every quantitative claim of the paper, recomputed from its own tables and from our records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reports.paper_check.intervals import Bounded, Comparison, Values, combine, compare, evaluate
from reports.paper_check.our_values import Measured, measured
from reports.tables.table import SystemFacts, significant
from results.paper import DATASETS, TABLE_NAMES, paper_table
from results.paper.claims import CellName, Claim, claims
from results.record import Record

PaperVerdict = Literal["holds", "holds within rounding", "arithmetic differs", "contradicted by the paper's own table"]
RecordsVerdict = Literal["confirmed by our records", "not confirmed by our records", "not testable with these records"]
_SYMBOLS = {"value": "", "ratio": " / ", "difference": " - ", "sum": " + "}
_EXACT = 1e-9  # slack for decimals that are no binary numbers


@dataclass(frozen=True)
class Finding:
    """One claim with two verdicts: by the paper's values and by ours. All text is computed."""

    claim: Claim
    verdict: PaperVerdict
    recomputed: str  # from the paper's values, with the bounds that their rounding leaves
    why: str
    records_verdict: RecordsVerdict
    records_recomputed: str
    records_why: str


def audit(records: Sequence[Record], systems: Sequence[SystemFacts]) -> tuple[Finding, ...]:
    """All claims of the paper, each against its own tables and against our records, if there are any."""
    ours = measured(records, systems)
    return tuple(finding(claim, ours) for claim in claims())


def finding(claim: Claim, ours: Mapping[str, Measured]) -> Finding:
    """One claim against the paper's tables and against our values, by table."""
    by_paper = _by_number(claim) if claim.states else _by_checks(claim)
    return Finding(claim, *by_paper, *_by_records(claim, ours))


def text_of(value: Bounded) -> str:
    """A value with its bounds: "172.5 [153.2, 197.3]"."""
    if value.low == value.high:
        return _digits(value.value)
    return f"{_digits(value.value)} [{_digits(value.low)}, {_digits(value.high)}]"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) >= 100 else significant(value, 4)


def _by_number(claim: Claim) -> tuple[PaperVerdict, str, str]:
    assert claim.states is not None
    stated = Bounded.of(claim.states)
    value, recomputed = _number(claim, {cell: Bounded.of(cell.printed) for cell in claim.cells})
    if abs(value.value - stated.value) <= claim.states.half_unit + _EXACT:
        return "holds", recomputed, ""
    if value.overlaps(stated):
        return "holds within rounding", recomputed, f"stated {claim.states.text}"
    return "arithmetic differs", recomputed, "; ".join([f"stated {claim.states.text}", *_elsewhere(claim, stated)])


def _number(claim: Claim, values: Values) -> tuple[Bounded, str]:
    """What the claim's number comes to, and the calculation: "27.70 / 0.1300 = 213.1 [205.1, 221.6]"."""
    parts = [evaluate(operand, values) for operand in claim.operands]
    value = combine(claim.operation, parts)
    texts = [
        side.text if "/" not in side.text else _digits(part.value)
        for side, part in zip(claim.operands, parts, strict=True)
    ]
    calculation = _SYMBOLS[claim.operation].join(texts)
    return value, f"{calculation} = {text_of(value)}" if len(parts) > 1 else text_of(value)


def _elsewhere(claim: Claim, stated: Bounded) -> list[str]:
    """Other tables with the same rows for which the stated number is right."""
    found = []
    for table in TABLE_NAMES:
        moved = {cell: replace(cell, table=table) for cell in claim.cells}
        rows = {row.row: row.values for row in paper_table(table).rows}
        if not moved or set(moved) == set(moved.values()) or any(c.column not in rows.get(c.row, {}) for c in moved):
            continue
        value, _ = _number(claim, {cell: Bounded.of(moved[cell].printed) for cell in claim.cells})
        if abs(value.value - stated.value) <= stated.high - stated.value + _EXACT:
            title = DATASETS[paper_table(table).dataset].title
            found.append(f"the number belongs to {title} (Table {table[-1]}): {text_of(value)}")
    return found


def _by_checks(claim: Claim) -> tuple[PaperVerdict, str, str]:
    values = {cell: Bounded.of(cell.printed) for cell in claim.cells}
    results = [compare(check, values) for check in claim.checks]
    recomputed, why = _tally(results), _failures(results, values)
    if not why:
        return "holds", recomputed, ""
    if all(result.possible for result in results):
        return "holds within rounding", recomputed, why
    return "contradicted by the paper's own table", recomputed, why


def _tally(results: Sequence[Comparison]) -> str:
    if len(results) == 1:
        return f"{results[0].check}: {_sides(results[0])}" if results[0].certain else ""
    return f"{sum(result.certain for result in results)} of {len(results)} comparisons hold"


def _sides(result: Comparison) -> str:
    """Both sides; with their bounds where these leave the comparison open."""
    open_ = result.possible and not result.certain
    left, right = (text_of(side) if open_ else _digits(side.value) for side in (result.left, result.right))
    return f"{left} against {right}"


def _failures(results: Sequence[Comparison], values: Values) -> str:
    """Each comparison that fails or is open, and the rows of a column that it fails against."""
    failures = []
    for result in results:
        if result.certain:
            continue
        text = f"{result.check} {'is open' if result.possible else 'fails'}: {_sides(result)}"
        right = result.check.right
        cells = [cell for cell in right.items if isinstance(cell, CellName) and right.statistic in ("max", "min")]
        single = {cell: replace(result.check, right=replace(right, items=(cell,))) for cell in cells}
        against = [
            f"{cell.line.method} {_digits(values[cell].value)}"
            for cell, check in single.items()
            if not compare(check, values).certain
        ]
        failures.append(f"{text} ({', '.join(against)})" if against else text)
    return "; ".join(failures)


def _by_records(claim: Claim, ours: Mapping[str, Measured]) -> tuple[RecordsVerdict, str, str]:
    missing = _untestable(claim, ours)
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return "not testable with these records", "", missing[0] + more
    values = {cell: ours[cell.table].value(cell) for cell in claim.cells}
    if claim.states:
        value, recomputed = _number(claim, values)
        stated = Bounded.of(claim.states)
        good = value.overlaps(stated) or (claim.at_least and value.low >= stated.low)
        why = f"stated {claim.states.text}"
    else:
        results = [compare(check, values) for check in claim.checks]
        good, recomputed = all(result.certain for result in results), _tally(results)
        why = _failures(results, values)
    setting = "; ".join(dict.fromkeys(ours[cell.table].setting for cell in claim.cells))
    verdict: RecordsVerdict = "confirmed by our records" if good else "not confirmed by our records"
    return verdict, recomputed, "; ".join(filter(None, [why, setting]))


def _untestable(claim: Claim, ours: Mapping[str, Measured]) -> list[str]:
    """Why our records cannot test a claim, a line for each missing value."""
    if not claim.cells:
        return ["it rests on no measured value"]
    missing = []
    for cell in claim.cells:
        found = ours.get(cell.table)
        reason = found.why_not(cell) if found else f"{cell}: no record feeds {cell.table}"
        if found and not reason and claim.absolute and not found.on_the_papers_card:
            reason = f"{cell}: measured on {found.machine}, but the claim is about an RTX 2080 Ti"
        missing += [reason] if reason else []
    return missing
