"""Which systems feed the rows of the paper's tables."""

from __future__ import annotations

from benchmark.card import Card
from results.paper import DATASETS, OWN_TABLES, TABLE_NAMES, PaperTable, paper_table


def row_of(table: PaperTable, card: Card) -> str | None:
    """The row of a table that a card feeds, such as "unet-local"; None if it feeds none."""
    rows = (row.partition("/") for row in card.rows)
    return next((row for name, _, row in rows if name == table.row_prefix), None)


def systems_of(table: PaperTable, cards: dict[str, Card]) -> list[str]:
    """The first system that feeds each row, in the table's order. Other forms of a row run when they are named."""
    first: dict[str, str] = {}
    for name, card in cards.items():
        row = row_of(table, card)
        if row is not None:
            first.setdefault(row, name)
    return [first[row.row] for row in table.rows if row.row in first]


def world_size(table: PaperTable, ratio: float) -> tuple[int, int]:
    """Height and width of the synthetic images that stand for a table's dataset, at ``ratio`` of its image's side."""
    height, width = DATASETS[table.dataset].image_size
    return round(height * ratio), round(width * ratio)


def tables_of(dataset: str) -> list[str]:
    """The tables that print values for a dataset."""
    return [name for name in (*TABLE_NAMES, *OWN_TABLES) if paper_table(name).dataset == dataset]
