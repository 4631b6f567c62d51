"""The claims audit: every quantitative claim of the paper, recomputed from its own tables and from our records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.paper_check.intervals import Bounded, Comparison, Figures, compare, evaluate
from reports.paper_check.our_figures import Measured, measured
from reports.tables.table import SystemFacts, significant
from results.paper import DATASETS, TABLE_NAMES, paper_table
from results.paper.claims import CellName, Claim, claims
from results.record import Record

PaperVerdict = Literal["holds", "holds within rounding", "arithmetic differs", "contradicted by the paper's own table"]
RecordsVerdict = Literal[
    "confirmed by our records", "not confirmed by our records", "not testable with these records"
]  # the two kinds stand beside each other: what the paper's figures say, and what ours say


@dataclass(frozen=True)
class Finding:
    """One claim with its two verdicts. ``recomputed`` and the reasons are computed text."""

    claim: Claim
    verdict: PaperVerdict
    recomputed: str  # from the paper's figures, with the bounds that their rounding leaves
    why: str
    records_verdict: RecordsVerdict
    records_recomputed: str
    records_why: str


def audit(records: Sequence[Record], systems: Sequence[SystemFacts]) -> tuple[Finding, ...]:
    """All claims of the paper, each against its own tables and against our records; there may be none of those."""
    ours = measured(records, systems)
    return tuple(finding(claim, ours) for claim in claims())


def finding(claim: Claim, ours: Mapping[str, Measured]) -> Finding:
    """One claim against the paper's tables and against our figures, by table."""
    printed = figures_of(claim, {cell: Bounded.of(cell.printed) for cell in claim.cells})
    verdict, recomputed, why = _by_expression(claim, printed) if claim.states else _by_checks(claim, printed)
    return Finding(claim, verdict, recomputed, why, *_by_records(claim, ours))


def figures_of(claim: Claim, values: Mapping[CellName, Bounded]) -> Figures:
    """The figures that a claim's expressions name."""
    numbers = {name: Bounded.of(number) for name, number in claim.numbers.items()}
    single = {name: values[cell] for name, cell in claim.figures.items()}
    return {**numbers, **single, **{name: [values[cell] for cell in cells] for name, cells in claim.lists.items()}}


def text_of(figure: Bounded) -> str:
    """A figure with its bounds: "172.5 [153.2, 197.3]"."""
    if figure.low == figure.high:
        return _digits(figure.value)
    return f"{_digits(figure.value)} [{_digits(figure.low)}, {_digits(figure.high)}]"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) >= 100 else significant(value, 4)


def _by_expression(claim: Claim, figures: Figures) -> tuple[PaperVerdict, str, str]:
    assert claim.states is not None
    value, stated = evaluate(claim.expression, figures), Bounded.of(claim.states)
    recomputed = f"{claim.expression} = {text_of(value)}"
    if abs(value.value - stated.value) <= claim.states.half_unit + 1e-9:  # 0.6 is no binary number
        return "holds", recomputed, ""
    if value.overlaps(stated):
        return "holds within rounding", recomputed, f"stated {claim.states.text}"
    return "arithmetic differs", recomputed, "; ".join([f"stated {claim.states.text}", *_elsewhere(claim, stated)])


def _elsewhere(claim: Claim, stated: Bounded) -> list[str]:
    """Other tables with the same rows for which the stated number is right."""
    found = []
    for table in TABLE_NAMES:
        moved = {cell: CellName(table, cell.row, cell.column) for cell in claim.cells}
        rows = {row.row: row.figures for row in paper_table(table).rows}
        if not moved or set(moved) == set(moved.values()) or any(c.column not in rows.get(c.row, {}) for c in moved):
            continue
        value = evaluate(claim.expression, figures_of(claim, {c: Bounded.of(moved[c].printed) for c in moved}))
        if abs(value.value - stated.value) <= stated.high - stated.value + 1e-9:
            title = DATASETS[paper_table(table).dataset].title
            found.append(f"the number belongs to {title} (Table {table[-1]}): {text_of(value)}")
    return found


def _by_checks(claim: Claim, figures: Figures) -> tuple[PaperVerdict, str, str]:
    results = [compare(check, figures) for check in claim.checks]
    recomputed, why = _tally(results), _failures(claim, results, figures)
    failing = [result for result in results if not result.certain]
    if not failing:
        return "holds", recomputed, ""
    if all(result.possible for result in failing):
        return "holds within rounding", recomputed, why
    return "contradicted by the paper's own table", recomputed, why


def _failures(claim: Claim, results: Sequence[Comparison], figures: Figures) -> str:
    return "; ".join(_explain(claim, result, figures) for result in results if not result.certain)


def _tally(results: Sequence[Comparison]) -> str:
    if len(results) == 1:
        return f"{results[0].text}: {_sides(results[0])}" if results[0].certain else ""
    return f"{sum(result.certain for result in results)} of {len(results)} comparisons hold"


def _sides(result: Comparison) -> str:
    """Both sides; with their bounds where these leave the comparison open."""
    open_ = result.possible and not result.certain
    left, right = (text_of(side) if open_ else _digits(side.value) for side in (result.left, result.right))
    return f"{left} against {right}"


def _explain(claim: Claim, result: Comparison, figures: Figures) -> str:
    """A comparison that fails, and which members of a list it fails against."""
    sides = f"{result.text} {'is open' if result.possible else 'fails'}: {_sides(result)}"
    against = [
        f"{cell.line.method} {_digits(value.value)}"
        for name, cells in claim.lists.items()
        if f"max({name})" in result.text or f"min({name})" in result.text
        for cell, value in zip(cells, _list(figures, name), strict=True)
        if not compare(result.text, {**figures, name: [value]}).certain
    ]
    return f"{sides} ({', '.join(against)})" if against else sides


def _list(figures: Figures, name: str) -> Sequence[Bounded]:
    several = figures[name]
    return [several] if isinstance(several, Bounded) else several


def _by_records(claim: Claim, ours: Mapping[str, Measured]) -> tuple[RecordsVerdict, str, str]:
    missing = _untestable(claim, ours)
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return "not testable with these records", "", missing[0] + more
    figures = figures_of(claim, {cell: ours[cell.table].figure(cell) for cell in claim.cells})
    setting = "; ".join(dict.fromkeys(ours[cell.table].setting for cell in claim.cells))
    if claim.states:
        value, stated = evaluate(claim.expression, figures), Bounded.of(claim.states)
        good = value.overlaps(stated) or (claim.at_least and value.low >= stated.low)
        recomputed, why = f"{claim.expression} = {text_of(value)}", f"stated {claim.states.text}"
    else:
        results = [compare(check, figures) for check in claim.checks]
        good, recomputed = all(result.certain for result in results), _tally(results)
        why = _failures(claim, results, figures)
    verdict: RecordsVerdict = "confirmed by our records" if good else "not confirmed by our records"
    return verdict, recomputed, "; ".join(filter(None, [why, setting]))


def _untestable(claim: Claim, ours: Mapping[str, Measured]) -> list[str]:
    """Why our records cannot test a claim, a line for each thing that is missing."""
    if not claim.cells:
        return ["it rests on no measured figure"]
    missing = []
    for cell in claim.cells:
        found = ours.get(cell.table)
        reason = found.why_not(cell) if found else f"{cell}: no record feeds {cell.table}"
        if found and not reason and claim.absolute and not found.on_the_papers_card:
            reason = f"{cell}: measured on {found.machine}, the claim is of an RTX 2080 Ti"
        missing += [reason] if reason else []
    return missing
