from dataclasses import replace

import pytest

from benchmark import card as cards
from benchmark import registry
from benchmark.card import Card, CustomInference, SlidingWindow, WholeImage, faults
from results.cell import identity

GIVEN = {
    **{"name": "net", "title": "Net", "group": "Added", "citation": "none", "source": "a test", "licence": "MIT"},
    **{"fidelity": "reimplemented", "backbone": "none", "parameters": 1, "recipes": {}},
}


def test_the_names_of_version_0_1_are_still_there():
    assert (cards.Whole, cards.Sliding, cards.Own) == (WholeImage, SlidingWindow, CustomInference)


def test_choices_of_version_0_1_are_assumptions():
    card = Card(**GIVEN, inference=WholeImage(), choices=("width 16: the paper names none",))
    assert card.assumptions == ("width 16: the paper names none",)
    assert replace(card, name="other").assumptions == card.assumptions
    assert card == Card(**GIVEN, inference=WholeImage(), assumptions=card.assumptions)


def test_the_description_of_a_custom_inference_is_not_in_the_key():
    card = Card(**GIVEN, inference=CustomInference("patches, then their mean"))
    assert identity(replace(card, inference=CustomInference("the mean of patches"))) == identity(card)
    assert identity(replace(card, inference=WholeImage())) != identity(card)


def test_pixel_sized_settings_scale_with_the_image():
    card = Card(**GIVEN, inference=SlidingWindow(512, 120), sizes={"border": 10})
    small = card.at(0.5).at(0.5)
    assert small.inference == SlidingWindow(128, 30)
    assert small.sizes == {"border": 2}
    assert small.ratio == 0.25


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fidelity": "port"}, "fidelity='port': must be Literal['verified-port', 'library', 'reimplemented', "),
        ({"inference": WholeImage}, "must be WholeImage | Downsampled | SlidingWindow | CustomInference"),
        ({"parameters": "567"}, "parameters='567': must be int"),
        ({"rows": "table1/stdc"}, "rows='table1/stdc': must be tuple[str, ...]"),
        ({"recipes": {}}, "recipes={}: at least one is needed"),
        ({"recipes": {"paper": "sgd"}}, "recipe 'paper': is no Recipe(...)"),
    ],
)
def test_a_field_of_another_type_or_word_is_a_fault(changes, said):
    assert any(said in fault for fault in faults(replace(registry.card("stdc"), **changes)))


@pytest.mark.parametrize(
    "changes", [{"crop": 1224}, {"optimizer": "AdamW"}, {"rotate": True}, {"learning_rate": "1e-3"}]
)
def test_so_is_one_of_a_recipe(changes):
    card = registry.card("stdc")
    ((name, value),) = changes.items()
    (fault,) = faults(replace(card, recipes={"paper": replace(card.recipes["paper"], **changes)}))
    assert fault.startswith(f"recipe 'paper': {name}={value!r}: must be ")


@pytest.mark.parametrize("name", registry.cards())
def test_our_own_cards_have_no_fault(name):
    assert faults(registry.card(name)) == []
