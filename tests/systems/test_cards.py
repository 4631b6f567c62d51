"""What every card promises; a new card is picked up by itself. Nets are built without memory where that is possible."""

import itertools
from typing import get_args

import numpy as np
import pytest
import torch

from benchmark import registry
from benchmark.card import Fidelity
from benchmark.prediction import predicted, to_batch
from benchmark.run.profiles import PROFILES
from benchmark.training.schedule import stage_ends
from tests.systems.architectures import (
    PAPER_CLASSES,
    RATIO,
    SIZE,
    build,
    logits_of,
    pixels,
    representative,
    timed_labels,
)

CARDS = {name: card for name, card in registry.cards().items() if not card.is_reference}  # those are no nets
OTHERS = [card for card in CARDS.values() if representative(card) is not card]
PROCEDURES = [card for card in OTHERS if card.inference != representative(card).inference]


def on_paper(card):
    """The system on torch's meta device; on the CPU where its construction looks at values."""
    try:
        return build(card, PAPER_CLASSES, "meta")
    except RuntimeError as error:
        if "meta tensor" not in str(error):
            raise
        return build(card, PAPER_CLASSES)


@pytest.fixture(scope="module", params=CARDS.values(), ids=CARDS)
def card(request):
    return request.param


@pytest.fixture(scope="module")
def system(card):
    return on_paper(card)


def test_card_is_complete(card):
    assert next(iter(card.recipes)) == "paper"
    for text in (card.title, card.group, card.citation, card.source, card.licence, card.backbone):
        assert text
    for row in card.rows:
        assert row.partition("/")[1:] != ("", ""), f"{row} names no table"


@pytest.mark.slow
def test_parameters_are_those_on_the_card(card, system):
    assert sum(parameter.numel() for parameter in system.inference_form().parameters()) == card.parameters


@pytest.mark.slow
def test_the_iterations_of_the_stages_add_up(card, system):
    for recipe in card.recipes.values():
        assert set(recipe.stages) <= set(system.stages)
        if recipe.stages:
            assert sum(recipe.during(stage).iterations for stage in system.stages) == recipe.iterations


@pytest.mark.slow
def test_no_profile_leaves_a_stage_out(card, system):
    for recipe in card.recipes.values():
        for profile in PROFILES.values():
            iterations = profile.for_card(card).iterations or recipe.iterations
            ends = stage_ends(recipe, system.stages, iterations)
            assert all(start < end for start, end in itertools.pairwise([0, *ends]))
            assert ends[-1] == iterations


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS, ids=lambda card: card.name)
def test_cards_of_one_architecture_build_the_same_net(other):
    """Else give one of them a ``variant``: the tests of architectures run on the first card only."""
    first, second = on_paper(representative(other)), on_paper(other)
    assert type(second) is type(first)
    assert str(second) == str(first)
    assert [tensor.shape for tensor in second.parameters()] == [tensor.shape for tensor in first.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("other", PROCEDURES, ids=lambda card: card.name)
def test_another_procedure_on_the_same_net_is_timed_as_it_is_scored(other):
    system = build(other.at(RATIO), 3).eval()
    seen = pixels(*(2 * side for side in SIZE))  # a quarter of it is the least that SegFormer takes
    picture = to_batch(seen, "cpu")
    scored = logits_of(system, picture)
    assert scored.isfinite().all()
    assert torch.equal(logits_of(system.inference_form().eval(), picture), scored)
    assert np.array_equal(timed_labels(system, seen), predicted(system, seen))


def test_every_allowed_fidelity_is_some_cards():
    assert {card.fidelity for card in registry.cards().values()} == set(get_args(Fidelity))
