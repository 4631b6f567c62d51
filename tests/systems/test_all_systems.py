"""The contract, inherited by one class for each registered system."""

from benchmark import registry
from tests.systems.contract import SystemContract


def _name(card):
    return "Test" + "".join(part.capitalize() for part in card.name.split("-"))


globals().update(
    {_name(card): type(_name(card), (SystemContract,), {"card": card}) for card in registry.cards().values()}
)
