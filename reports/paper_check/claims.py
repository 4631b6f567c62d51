"""The claims audit: every quantitative claim of the paper, recomputed from its own tables and from our records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reports.paper_check.intervals import Bounded, Comparison, Values, combine, compare, evaluate
from reports.paper_check.our_values import Measured, measured
from reports.tables.table import SystemFacts, significant
from results.paper import DATASETS, TABLE_NAMES, paper_table
from results.paper.claims import CellName, Claim, Operand, claims
from results.record import Record

PaperVerdict = Literal[
    "holds",
    "holds within rounding",
    "arithmetic differs",
    "contradicted by the paper's own table",
    "contradicted by another source",
    "depends on the reading",
    "in doubt",
    "no bound stated",
]
RecordsVerdict = Literal["confirmed by our records", "not confirmed by our records", "not testable with these records"]
_SYMBOLS = {"value": "", "ratio": " / ", "difference": " - ", "sum": " + "}
_EXACT = 1e-9  # slack for decimals that are no binary numbers


@dataclass(frozen=True)
class Finding:
    """One claim with two verdicts, by the paper's values and by ours; each can be checked by hand from its line.

    All text is computed.
    """

    claim: Claim
    rule: str  # what must be true, with its tolerance
    source: str  # where the numbers are printed
    verdict: PaperVerdict
    recomputed: str  # from the paper's values, with the bounds that their rounding leaves
    why: str  # what is not as the rule says
    records_verdict: RecordsVerdict
    records_recomputed: str
    records_why: str


def audit(records: Sequence[Record], systems: Sequence[SystemFacts]) -> tuple[Finding, ...]:
    """All claims of the paper, each against its own tables and against our records, if there are any."""
    ours = measured(records, systems)
    return tuple(finding(claim, ours) for claim in claims())


def finding(claim: Claim, ours: Mapping[str, Measured]) -> Finding:
    """One claim against the paper's tables and against our values, by table."""
    by_paper = _by_number(claim) if claim.states else _by_checks(claim) if claim.checks else _shown(claim)
    return Finding(claim, rule_of(claim), source_of(claim), *by_paper, *_by_records(claim, ours))


def rule_of(claim: Claim) -> str:
    """What must be true of the printed values, each of which may be off by half its last digit."""
    if claim.states:
        calculation = _SYMBOLS[claim.operation].join(side.text for side in claim.operands)
        return f"{calculation} is {claim.states.text} ± {claim.states.half_unit:g}"
    if claim.checks:
        other = f", or by the other reading: {'; '.join(map(str, claim.otherwise))}" if claim.otherwise else ""
        return "; ".join(map(str, claim.checks)) + other
    return "none: the words give no bound, and none is made up"


def source_of(claim: Claim) -> str:
    """Where the numbers of a claim are printed."""
    tables = ", ".join(dict.fromkeys(f"Table {cell.table.removeprefix('table')}" for cell in claim.cells))
    return "; ".join(filter(None, [tables or claim.where, claim.source]))


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
    if len(parts) == 1:
        return value, _side(claim.operands[0], value, bounds=True)
    calculation = _SYMBOLS[claim.operation].join(
        _side(side, part, bounds=False) for side, part in zip(claim.operands, parts, strict=True)
    )
    return value, f"{calculation} = {text_of(value)}"


def _side(operand: Operand, value: Bounded, *, bounds: bool) -> str:
    """A side of a calculation: a single printed number as it is printed, anything else in four digits."""
    item = operand.items[0]
    printed = item.printed if isinstance(item, CellName) else item
    if len(operand.items) == 1 and not operand.statistic and value == Bounded.of(printed):
        return f"{printed.text} ± {printed.half_unit:g}" if bounds and printed.half_unit else printed.text
    return text_of(value) if bounds else _digits(value.value)


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
    recomputed, why = _sides_of(results), _failures(results, values)
    other = [compare(check, values) for check in claim.otherwise]
    if other:
        recomputed += f"; by the other reading {_sides_of(other)}"
    if other and all(one.certain for one in results) != all(one.certain for one in other):
        return "depends on the reading", recomputed, _failures([*results, *other], values)
    if all(result.certain for result in results):
        return "holds", recomputed, ""
    if all(result.possible for result in results):
        return "holds within rounding", recomputed, why
    if claim.hint:
        return "in doubt", recomputed, why
    elsewhere = claim.source and all(_has_number(result) for result in results if not result.possible)
    return ("contradicted by another source" if elsewhere else "contradicted by the paper's own table"), recomputed, why


def _has_number(result: Comparison) -> bool:
    """Whether a number that is not a cell of the paper takes part in a comparison."""
    sides = (result.check.left, result.check.right)
    return not all(isinstance(item, CellName) for side in sides for item in side.items)


def _shown(claim: Claim) -> tuple[PaperVerdict, str, str]:
    """Words without a bound: the numbers, for the reader to judge."""
    values = {cell: Bounded.of(cell.printed) for cell in claim.cells}
    return "no bound stated", _calculations(claim, values), ""


def _calculations(claim: Claim, values: Values) -> str:
    texts = []
    for shown in claim.shows:
        left, right = evaluate(shown.left, values), evaluate(shown.right, values)
        result = combine(shown.operation, [left, right])
        sides = _side(shown.left, left, bounds=False), _side(shown.right, right, bounds=False)
        calculation = _SYMBOLS[shown.operation].join(sides)
        texts.append(f"{calculation} = {significant(result.value)} ({shown.right.text})")
    return "; ".join(texts)


def _sides_of(results: Sequence[Comparison]) -> str:
    """Both sides of every comparison: "73.30 > 72.76"; with their bounds where these decide or leave it open."""
    texts = []
    for result in results:
        open_ = result.possible and not result.certain
        bounds = open_ or result.check.sign == "!="
        left = _side(result.check.left, result.left, bounds=bounds)
        right = _side(result.check.right, result.right, bounds=bounds)
        state = "" if result.certain else " is open" if open_ else " fails"
        texts.append(f"{left} {result.check.sign} {right}{state}")
    return "; ".join(texts)


def _failures(results: Sequence[Comparison], values: Values, *, several: bool = False) -> str:
    """Each comparison that fails or is open, if it is one of ``several``, and the rows that it fails against."""
    failures = []
    for result in results:
        if result.certain:
            continue
        text = f"{result.check} {'is open' if result.possible else 'fails'}"
        right = result.check.right
        cells = [cell for cell in right.items if isinstance(cell, CellName) and right.statistic in ("max", "min")]
        single = {cell: replace(result.check, right=replace(right, items=(cell,))) for cell in cells}
        against = [
            f"{cell.line.method} {_digits(values[cell].value)}"
            for cell, check in single.items()
            if not compare(check, values).certain
        ]
        if against or several or len(results) > 1:
            failures.append(f"{text} ({', '.join(against)})" if against else text)
    return "; ".join(failures)


def _by_records(claim: Claim, ours: Mapping[str, Measured]) -> tuple[RecordsVerdict, str, str]:
    if claim.untestable:
        return "not testable with these records", "", claim.untestable
    missing = _untestable(claim, ours)
    if missing:
        refuted = _refuted(claim, ours)
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return refuted or ("not testable with these records", "", next(iter(missing.values())) + more)
    values = {cell: ours[cell.table].value(cell) for cell in claim.cells}
    setting = "; ".join(dict.fromkeys(ours[cell.table].setting for cell in claim.cells))
    if claim.shows:
        why = f"the words give no bound; {setting}"
        return "not testable with these records", _calculations(claim, values), why
    if claim.states:
        value, recomputed = _number(claim, values)
        stated = Bounded.of(claim.states)
        good = value.overlaps(stated) or (claim.at_least and value.low >= stated.low)
        why = f"stated {claim.states.text}"
    else:
        results = [compare(check, values) for check in claim.checks]
        good, recomputed = all(result.certain for result in results), _sides_of(results)
        why = _failures(results, values)
    verdict: RecordsVerdict = "confirmed by our records" if good else "not confirmed by our records"
    return verdict, recomputed, "; ".join(filter(None, [why, setting]))


def _refuted(claim: Claim, ours: Mapping[str, Measured]) -> tuple[RecordsVerdict, str, str] | None:
    """The verdict where one of several comparisons can be tested and is false: then the others do not matter."""
    for check in claim.checks:
        single = replace(claim, checks=(check,))
        if len(claim.checks) > 1 and single.cells and not _untestable(single, ours):
            values = {cell: ours[cell.table].value(cell) for cell in single.cells}
            result = compare(check, values)
            if not result.possible:
                setting = "; ".join(dict.fromkeys(ours[cell.table].setting for cell in single.cells))
                why = _failures([result], values, several=True)
                return "not confirmed by our records", _sides_of([result]), f"{why}; {setting}"
    return None


def _untestable(claim: Claim, ours: Mapping[str, Measured]) -> dict[CellName | None, str]:
    """Why our records cannot test a claim, for each missing value."""
    if not claim.cells:
        return {None: "it rests on no measured value"}
    missing: dict[CellName | None, str] = {}
    for cell in claim.cells:
        found = ours.get(cell.table)
        reason = found.why_not(cell) if found else f"{cell}: no record feeds {cell.table}"
        if found and not reason and claim.absolute and not found.on_the_papers_card:
            reason = f"{cell}: measured on {found.machine}, but the claim is about an RTX 2080 Ti"
        if reason:
            missing[cell] = reason
    return missing
