"""Every line of docs/isdnet-forms.md that names a field: both forms exist, and they differ."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from benchmark.card import Recipe
from isdnet.variants import PAPER, RELEASED_CODE, Form
from tests.isdnet.nets import CARD, image, net, target, without_dropout

DOCUMENT = Path(__file__).parents[2] / "docs" / "isdnet-forms.md"
FIELDS = [field.name for field in dataclasses.fields(Form)]


@pytest.mark.parametrize("field", FIELDS)
def test_the_forms_differ_in_every_field(field):
    assert getattr(PAPER, field) != getattr(RELEASED_CODE, field)


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "name"])
def test_the_document_has_one_line_for_every_field(field):
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if f"`Form.{field}`" in line]
    assert len(lines) == 1


def test_the_document_names_no_field_that_is_not_there():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert set(re.findall(r"`Form\.(\w+)`", text)) <= set(FIELDS)
    assert set(re.findall(r"`Recipe\.(\w+)`", text)) <= {field.name for field in dataclasses.fields(Recipe)}


def losses_of(name: str) -> dict[str, float]:
    torch.manual_seed(0)
    terms = without_dropout(net(name)).train().loss(image(67, 53, 2), target(67, 53, 2))
    return {key: value.item() for key, value in terms.items()}


def test_each_form_has_its_own_losses():
    text, code = losses_of("isdnet-paper"), losses_of("isdnet")
    common = {"segmentation", "auxiliary_deep", "super_resolution", "structure_distillation"}
    assert set(text) == common  # the four terms of eq. 8
    assert set(code) == common | {"auxiliary_fuse16", "auxiliary_fuse8", "auxiliary_stage3"}
    # the ignored twentieth of the pixels counts in the code's mean
    assert code["auxiliary_deep"] == pytest.approx(text["auxiliary_deep"] * 0.95, rel=0.02)
    assert text["structure_distillation"] != pytest.approx(code["structure_distillation"], rel=0.1)


def test_each_form_reconstructs_its_own_image():
    picture = image(40, 36)
    text, code = net("isdnet-paper"), net("isdnet")
    assert torch.equal(text.super_resolution_target(picture), text.normalised(picture))
    high = code.super_resolution_target(picture)
    assert torch.equal(high, sum(code.pyramid.high_frequency(code.normalised(picture)).chunk(2, dim=1)))
    assert high.mean().abs() < 0.2 < text.super_resolution_target(picture).mean().abs() + 0.2


def test_each_form_has_its_own_recipe():
    text, code = CARD["isdnet"].recipes["paper"], CARD["isdnet"].recipes["released-code"]
    assert (text.learning_rate, code.learning_rate, code.min_learning_rate) == (1e-3, 0.01, 1e-4)
    schedule = {name: (text.on(name), code.on(name)) for name in ("deepglobe", "inria", "cityscapes")}
    assert [(a.iterations, b.iterations) for a, b in schedule.values()] == [
        (80_000,) * 2,
        (40_000,) * 2,
        (160_000, 80_000),
    ]
    assert [(a.batch, b.batch) for a, b in schedule.values()] == [(8, 8), (8, 4), (8, 8)]
    assert [(a.resize[1], b.resize[1]) for a, b in schedule.values()] == [(1, 1), (1, 0.8), (2, 2)]
    assert [b.crop for _, b in schedule.values()] == [(1224, 1224), (2000, 2000), (512, 1024)]
    assert (text.rotate, code.rotate) == ("right-angles", "continuous")
    assert {recipe.rotate for recipe in schedule["cityscapes"]} == {"none"}


@pytest.mark.parametrize(("reduced", "divisor"), [("isdnet-deep-half", 2), ("isdnet-deep-quarter", 4)])
def test_a_reduced_row_trains_on_the_same_part_of_the_scene(reduced, divisor):
    for name, recipe in CARD["isdnet-deep-full"].recipes.items():
        for dataset in ("deepglobe", "inria", "cityscapes"):
            full, small = recipe.on(dataset), CARD[reduced].recipes[name].on(dataset)
            assert small.resize == tuple(scale / divisor for scale in full.resize)
            assert small.crop == tuple(side // divisor for side in full.crop)
            assert (small.iterations, small.learning_rate) == (full.iterations, full.learning_rate)
