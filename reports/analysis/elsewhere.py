"""What accuracies on images that the paper does not use say: their order, and which nets learned nothing there."""

from __future__ import annotations

from collections.abc import Sequence

from reports.analysis.agreement import Agreement, Pair, agreement
from reports.tables.table import Row, Table
from results.paper import OWN_TABLES, Printed, paper_table

COLUMN = "miou_paper_ours"
BESIDE = "table1"  # whose rows our own tables have
MARGIN = 0.5  # percentage points by which a net that has learned something exceeds the most frequent class


def own_tables(tables: Sequence[Table]) -> list[Table]:
    """Of each of our own datasets the table with the accuracies of most nets."""
    found = {}
    for name in OWN_TABLES:
        of_name = [table for table in tables if table.name == name or table.name.startswith(f"{name}-")]
        if of_name:
            found[name] = max(of_name, key=lambda table: len(scored(table)))
    return [table for table in found.values() if scored(table)]


def scored(table: Table) -> list[tuple[Row, float]]:
    """The rows with an accuracy of ours, without references and other forms of a row."""
    index = next((place for place, column in enumerate(table.columns) if column.name == COLUMN), None)
    rows = [row for row in table.rows if row.row and not row.alternative and not row.is_reference]
    values = [(row, row.cells[index].value) for row in rows] if index is not None else []
    return [(row, value) for row, value in values if value is not None]


def orders(tables: Sequence[Table]) -> list[Agreement]:
    """The order of the nets in each of our own tables against their order in the paper's Table 1."""
    paper = {row.row: row for row in paper_table(BESIDE).rows}
    found = []
    for table in own_tables(tables):
        index = [column.name for column in table.columns].index(COLUMN)
        pairs = []
        for row, _ in scored(table):
            printed: Printed | None = paper[row.row].values.get("miou_paper")
            if printed and not paper[row.row].quoted:
                pairs.append(Pair(row.system, printed.value, printed.half_unit, row.cells[index]))
        found.append(agreement(table, "miou_paper", pairs))
    return found


def learned_nothing(table: Table) -> tuple[float, list[str], int] | None:
    """The accuracy of the most frequent class, the nets that do not exceed it, and how many nets were scored.

    None where the table has no such reference.
    """
    index = [column.name for column in table.columns].index(COLUMN)
    reference = next((row.cells[index].value for row in table.rows if row.is_reference), None)
    if reference is None:
        return None
    nets = scored(table)
    return reference, [row.system for row, value in nets if value <= reference + MARGIN], len(nets)
