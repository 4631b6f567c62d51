"""The paper's tables as work to do: which systems feed their rows."""

from __future__ import annotations

from benchmark.card import Card
from results.paper import DATASETS, TABLE_NAMES, PaperTable, paper_table


def row_of(table: PaperTable, card: Card) -> str | None:
    """The row of a table that a card feeds, if any: "unet-local"."""
    return next((row.partition("/")[2] for row in card.rows if row.partition("/")[0] == table.name), None)


def systems_of(table: PaperTable, cards: dict[str, Card]) -> list[str]:
    """The first system that feeds each row, in the table's order; named alternatives are run on request."""
    first: dict[str, str] = {}
    for name, card in cards.items():
        row = row_of(table, card)
        if row is not None:
            first.setdefault(row, name)
    return [first[row.row] for row in table.rows if row.row in first]


def image_size(table: PaperTable) -> tuple[int, int]:
    """Height and width of the image that a table's speed column means."""
    return DATASETS[table.dataset].image_size


def tables_of(dataset: str) -> list[str]:
    """The tables that print a dataset."""
    return [name for name in TABLE_NAMES if paper_table(name).dataset == dataset]
