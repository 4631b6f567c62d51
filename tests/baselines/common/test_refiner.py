"""Refiners: the base's stages first, then their own; on the card's base or on any other."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from baselines.common.refiner import Refiner
from benchmark import registry
from benchmark.card import Recipe
from benchmark.errors import UserError
from benchmark.system import System


class Base(System):
    stages = ("warm", "main")

    def __init__(self, card):
        super().__init__(card, 2)
        self.classifier = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
        self.only_trained = nn.Conv2d(3, 2, 1)
        self.taken = None

    def forward(self, image):
        return self.classifier(image)

    def loss(self, image, target):
        return {"base": self(image).sum() + self.only_trained(image).sum()}

    def logits(self, image):
        self.work = {"passes": 3}
        return self(image)

    def enter_stage(self, stage):
        self.only_trained.requires_grad_(stage == "main")

    def inference_form(self):
        lean = Base(self.card)
        lean.classifier, lean.only_trained = self.classifier, nn.Identity()
        return lean

    def load_imagenet(self, state):
        self.taken = state


class Scale(Refiner):
    own_stages = ("scale",)

    def __init__(self, card, base):
        super().__init__(card, 2, base)
        self.factor = nn.Parameter(torch.full((), 3.0))

    def refined(self, image, coarse):
        self.work["scalings"] = 1
        return coarse * self.factor

    def own_loss(self, image, target):
        return {"scale": self(image).square().sum()}


IMAGE, TARGET = torch.rand(1, 3, 5, 4), torch.zeros(1, 5, 4, dtype=torch.int64)


@pytest.fixture
def refiner():
    card = registry.card("stdc")
    return Scale(card, Base(card)).train()


def free(system):
    return {name for name, parameter in system.named_parameters() if parameter.requires_grad}


def test_the_stages_are_those_of_the_base_and_then_its_own(refiner):
    assert refiner.stages == ("warm", "main", "scale")
    classifier = {name for name, _ in refiner.named_parameters() if name.startswith("base.classifier")}
    only_trained = {"base.only_trained.weight", "base.only_trained.bias"}
    for stage, wanted in {"warm": classifier, "main": classifier | only_trained, "scale": {"factor"}}.items():
        refiner.enter_stage(stage)
        assert free(refiner) == wanted
        assert list(refiner.loss(IMAGE, TARGET)) == ["scale" if stage == "scale" else "base"]


def test_its_own_stage_leaves_the_base_as_it_is(refiner):
    refiner.enter_stage("scale")
    before = {name: value.clone() for name, value in refiner.base.state_dict().items()}
    refiner.loss(IMAGE, TARGET)["scale"].backward()
    assert refiner.factor.grad.abs() > 0
    assert all(torch.equal(before[name], value) for name, value in refiner.base.state_dict().items())


def test_logits_are_the_refined_ones_and_the_work_is_that_of_both(refiner):
    refiner.eval()
    assert torch.equal(refiner.logits(IMAGE), 3 * refiner.base(IMAGE))
    assert torch.equal(refiner.predict(IMAGE), refiner.logits(IMAGE).argmax(1).to(torch.uint8))
    assert refiner.work == {"passes": 3, "scalings": 1}


def test_the_inference_form_is_on_that_of_the_base_and_shares_weights(refiner):
    refiner.eval()
    lean = refiner.inference_form()
    assert not [name for name, _ in lean.named_parameters() if "only_trained" in name]
    assert [name for name, _ in refiner.named_parameters() if "only_trained" in name]
    assert lean.factor is refiner.factor
    assert torch.equal(lean.logits(IMAGE), refiner.logits(IMAGE))


def test_imagenet_weights_go_to_the_base(refiner):
    refiner.load_imagenet({"layer": IMAGE})
    assert list(refiner.base.taken) == ["layer"]


def test_a_stage_after_a_recipe_adds_its_iterations_on_every_dataset():
    base = Recipe(source="", crop=(8, 8), iterations=100, datasets={"city": {"iterations": 300, "rotate": "none"}})
    recipe = base.then("guide", iterations=20, learning_rate=1.0)
    for dataset, main in {"land": 100, "city": 300}.items():
        here = recipe.on(dataset)
        assert here.iterations == main + 20
        assert (here.during("main").iterations, here.during("guide").iterations) == (main, 20)
        assert (here.during("main").learning_rate, here.during("guide").learning_rate) == (1e-3, 1.0)
    assert recipe.on("city").during("guide").rotate == "none"
    assert recipe.then("last", iterations=5).on("city").iterations == 325
    assert list(recipe.then("last", iterations=5).stages) == ["main", "guide", "last"]


@pytest.mark.parametrize("base", ["bisenetv2", "unet-global", "unet-local"])
def test_on_another_base(base):
    name = f"dgf(base={base})"
    card, plain = registry.card(name), registry.card(base)
    assert (card.name, card.base, card.rows, card.imagenet) == (name, base, (), plain.imagenet)
    assert list(card.recipes) == list(plain.recipes)
    for kind, recipe in card.recipes.items():
        assert recipe.during("main") == replace(plain.recipes[kind], datasets=recipe.during("main").datasets)
        assert recipe.iterations == plain.recipes[kind].iterations + recipe.during("guide").iterations
    system = registry.build(card.at(0.05), 7)
    assert system.stages == ("main", "guide")
    assert sum(p.numel() for p in system.inference_form().parameters()) == card.parameters
    assert system.base.card == plain.at(0.05)


def test_a_refiner_that_trains_nothing_has_the_recipe_of_its_base():
    assert registry.card("densecrf(base=isdnet)").recipes == registry.card("isdnet").recipes


def test_on_another_base_a_refiners_card_says_nothing_of_its_own_base():
    plain, moved = registry.card("segfix"), registry.card("segfix(base=stdc)")
    assert plain.remark
    assert not moved.remark
    assert moved.assumptions == plain.assumptions
    assert moved.backbone == f"{registry.card('stdc').backbone}; {plain.backbone}"
    assert registry.card("dgf(base=stdc)").backbone == registry.card("stdc").backbone
    assert not any("DeepLabv3+" in assumption for assumption in registry.card("cascadepsp(base=stdc)").assumptions)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("stdc(base=unet-global)", "'stdc' refines no other system; those that do: .*dgf"),
        ("dgf(base=densecrf)", "'densecrf' is a refiner itself"),
        ("dgf(base=unet-globl)", "did you mean 'unet-global'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, wanted):
    with pytest.raises(UserError, match=wanted):
        registry.card(name)
