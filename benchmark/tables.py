"""The paper's tables as work to do: the dataset each prints, its image size, and the systems that feed its rows."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.card import Card
from benchmark.errors import UnknownNameError


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper: the dataset it prints and the image (height, width) that its speed column means."""

    name: str
    dataset: str
    image_size: tuple[int, int]

    def row_of(self, card: Card) -> str | None:
        """The row of this table that a card feeds, if any: "unet-local"."""
        for row in card.rows:
            table, _, slug = row.partition("/")
            if table == self.name:
                return slug
        return None

    def systems(self, cards: dict[str, Card]) -> list[str]:
        """The first system that feeds each row, in the registry's order; named alternatives are run on request."""
        first: dict[str, str] = {}
        for name, card in cards.items():
            row = self.row_of(card)
            if row is not None:
                first.setdefault(row, name)
        return list(first.values())


TABLES = {
    table.name: table
    for table in (
        PaperTable("table1", "deepglobe", (2448, 2448)),
        PaperTable("table2", "inria", (5000, 5000)),
        PaperTable("table3", "cityscapes", (1024, 2048)),
        PaperTable("table4", "cityscapes", (1024, 2048)),
        PaperTable("table5", "deepglobe", (2448, 2448)),
        PaperTable("table6", "deepglobe", (2448, 2448)),
        PaperTable("table7", "deepglobe", (2448, 2448)),
    )
}


def table(name: str) -> PaperTable:
    """The table of a name.

    Raises:
        UnknownNameError: there is no such table.
    """
    if name not in TABLES:
        raise UnknownNameError("table", name, TABLES)
    return TABLES[name]
