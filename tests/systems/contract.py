"""What every system must do. Inherit and name a card::

class TestMine(SystemContract):
    card = CARD
"""

import io
import itertools

import numpy as np
import pytest
import torch

from benchmark import registry
from benchmark.card import Card
from benchmark.prediction import predicted, to_batch
from benchmark.run.profiles import PROFILES
from benchmark.system import IGNORE
from benchmark.training.schedule import stage_ends
from tests.systems import global_state

CLASSES = 7
SIZE = (133, 121)  # odd, not a multiple of any stride; a quarter of it is the least that SegFormer takes
CROP = (70, 62)  # even, not a multiple of 4
RATIO = 0.16  # for settings in pixels: four patches of 82 on such an image


def build(card: Card, seed: int = 0):
    torch.manual_seed(seed)
    try:
        return registry.build(card, CLASSES)
    except ModuleNotFoundError as error:
        if not card.extra:
            raise
        pytest.skip(str(error))


def image(*size: int, batch: int = 1, seed: int = 0):
    """Coarse and fine noise: logits differ from place to place."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 4, 4, generator=generator)
    fine = torch.rand(batch, 3, *size, generator=generator)
    return 0.7 * torch.nn.functional.interpolate(coarse, size) + 0.3 * fine


def target(*size: int, batch: int):
    labels = torch.randint(0, CLASSES, (batch, *size), generator=torch.Generator().manual_seed(1))
    labels[:, :5] = IGNORE
    return labels


def stir(system):
    """Move every weight a little: a net may start with zeros, behind which no gradient flows in the first step."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.02)


class SystemContract:
    """Attribute ``card``: the card as registered. Settings in pixels are scaled to the small images used here."""

    card: Card

    @pytest.fixture(scope="class")
    def system(self, request):
        """One build for all tests of a class; each test leaves weights and mode as it found them."""
        return build(request.cls.card.at(RATIO)).eval()

    def test_parameters_are_those_on_the_card(self, system):
        assert sum(p.numel() for p in system.inference_form().parameters()) == self.card.parameters

    def test_card_is_complete(self):
        card = self.card
        assert next(iter(card.recipes)) == "paper"
        for text in (card.title, card.group, card.citation, card.source, card.licence, card.backbone):
            assert text
        for row in card.rows:
            assert row.partition("/")[1:] != ("", ""), f"{row} names no table"

    def test_the_iterations_of_the_stages_add_up(self, system):
        for recipe in self.card.recipes.values():
            assert set(recipe.stages) <= set(system.stages)
            if recipe.stages:
                assert sum(recipe.during(stage).iterations for stage in system.stages) == recipe.iterations

    def test_no_profile_leaves_a_stage_out(self, system):
        for recipe in self.card.recipes.values():
            for profile in PROFILES.values():
                iterations = profile.for_card(self.card).iterations or recipe.iterations
                ends = stage_ends(recipe, system.stages, iterations)
                assert all(start < end for start, end in itertools.pairwise([0, *ends]))
                assert ends[-1] == iterations

    @pytest.fixture(scope="class")
    def logits(self, system):
        with torch.inference_mode():
            return system.logits(image(*SIZE))

    def test_logits_of_an_odd_size(self, logits):
        assert logits.shape[:2] == (1, CLASSES)
        assert logits.isfinite().all()

    def test_prediction_repeats_and_changes_nothing(self, system):
        before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
        settings, generators = global_state.settings(), global_state.generators()
        picture = image(*SIZE)
        with torch.inference_mode():
            first, second = system.predict(picture), system.predict(picture)
        assert (first.dtype, first.shape) == (torch.uint8, (1, *SIZE))
        assert int(first.max()) < CLASSES
        assert torch.equal(first, second)
        assert torch.equal(picture, image(*SIZE))
        assert global_state.settings() == settings
        assert global_state.generators() == generators
        assert all(torch.equal(before[name], tensor) for name, tensor in system.state_dict().items())

    def test_a_batch_of_two_equals_two_batches_of_one(self, system, logits):
        pair = torch.cat([image(*SIZE), image(*SIZE, seed=1)])
        with torch.inference_mode():
            together = system.logits(pair)
            apart = torch.cat([logits, system.logits(pair[1:])])
        # another batch size may choose another convolution algorithm: rounding, not more
        torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-4 * float(apart.abs().max()))

    def test_the_timed_call_gives_the_scored_labels(self, system):
        pixels = np.round(image(*SIZE)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        with torch.inference_mode():
            timed = system.inference_form().eval().predict(to_batch(pixels, "cpu", torch.contiguous_format))
        assert np.array_equal(timed[0].numpy(), predicted(system, pixels))

    def test_every_stage_trains_every_parameter_it_leaves_free(self, system):
        settings = global_state.settings()
        state = {name: tensor.clone() for name, tensor in system.state_dict().items()}
        crops, labels = image(*CROP, batch=2), target(*CROP, batch=2)
        free = {name for name, parameter in system.named_parameters() if parameter.requires_grad}
        stir(system)
        try:
            for stage in system.stages:
                system.train()
                system.enter_stage(stage)
                self._one_step(system, crops, labels)
        finally:
            system.zero_grad(set_to_none=True)
            system.load_state_dict(state)
            for name, parameter in system.named_parameters():
                parameter.requires_grad_(name in free)
            system.eval()
        assert torch.equal(crops, image(*CROP, batch=2))
        assert torch.equal(labels, target(*CROP, batch=2))
        assert global_state.settings() == settings

    @staticmethod
    def _one_step(system, crops, labels):
        system.zero_grad(set_to_none=True)
        losses = system.loss(crops, labels)
        assert losses
        assert all(value.shape == () and value.isfinite() for value in losses.values()), losses
        torch.stack(list(losses.values())).sum().backward()
        trained = {name: p.grad for name, p in system.named_parameters() if p.requires_grad}
        assert [name for name, grad in trained.items() if grad is None] == []
        assert all(grad.isfinite().all() for grad in trained.values())
        dead = [name for name, grad in trained.items() if not grad.any()]
        assert len(dead) <= 0.02 * len(trained), dead  # a ReLU of a fresh net may be off everywhere

    def test_a_crop_without_labels_has_finite_losses(self, system):
        state = {name: tensor.clone() for name, tensor in system.state_dict().items()}
        try:
            losses = system.train().loss(image(*CROP, batch=2), torch.full((2, *CROP), IGNORE))
        finally:
            system.load_state_dict(state)
            system.eval()
        assert all(value.isfinite() for value in losses.values()), losses

    def test_weights_of_another_net_are_refused_and_nothing_changes(self, system):
        before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
        with pytest.raises(ValueError, match=r"\S"):
            system.load_imagenet({"of.another.net": torch.zeros(3)})
        assert all(torch.equal(before[name], tensor) for name, tensor in system.state_dict().items())

    def test_building_repeats_and_saved_weights_give_the_same_logits(self, system, logits):
        twin = build(system.card).eval()
        state = system.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in twin.state_dict().items())
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.zero_()
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        twin.load_state_dict(torch.load(file, weights_only=True))
        with torch.inference_mode():
            assert torch.equal(twin.logits(image(*SIZE)), logits)
