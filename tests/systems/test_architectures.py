"""What every architecture must do, tried on its first card with settings in pixels scaled to small images."""

import io
import socket

import numpy as np
import pytest
import torch

from baselines.common.refiner import Refiner
from benchmark import registry
from benchmark.prediction import predicted, to_batch
from benchmark.system import IGNORE
from tests.systems import global_state
from tests.systems.architectures import (
    ALIKE,
    RATIO,
    SIZE,
    SIZES,
    build,
    image,
    logits_of,
    pixels,
    representatives,
    stir,
    timed_labels,
    trained,
)

pytestmark = pytest.mark.slow
CLASSES = 3
CROP = (70, 62)  # even, not a multiple of 4


def pytest_generate_tests(metafunc):
    """Training and saving once for each net and loss, all else once for each architecture."""
    if "card" in metafunc.fixturenames:
        once = {"restored", "offline"} & set(metafunc.fixturenames)
        cards = [card for card in representatives() if not (once and card.name in ALIKE)]
        metafunc.parametrize("card", cards, indirect=True, ids=lambda card: card.name, scope="module")


@pytest.fixture(scope="module")
def card(request):
    return request.param.at(RATIO)


@pytest.fixture(scope="module")
def system(card):
    """One build for all tests of a card; each test leaves weights and mode as it found them."""
    return build(card, CLASSES).eval()


@pytest.fixture(scope="module")
def size(card):
    return SIZES.get(card.name, SIZE)


@pytest.fixture(scope="module")
def picture(size):
    return to_batch(pixels(*size), "cpu")


@pytest.fixture(scope="module")
def logits(system, picture):
    return logits_of(system, picture)


def copied(system):
    return {name: tensor.clone() for name, tensor in system.state_dict().items()}


def unchanged(system, before):
    return all(torch.equal(before[name], tensor) for name, tensor in system.state_dict().items())


def test_logits_of_an_odd_size(logits):
    assert logits.shape[:2] == (1, CLASSES)
    assert logits.isfinite().all()


def test_the_timed_call_repeats_the_scored_labels_and_changes_nothing(system, size):
    before, settings, generators = copied(system), global_state.settings(), global_state.generators()
    seen = pixels(*size)
    scored = predicted(system, seen)
    timed = timed_labels(system, seen)
    assert (scored.dtype, scored.shape) == (np.uint8, size)
    assert scored.max() < CLASSES
    assert np.array_equal(timed, scored)
    assert np.array_equal(seen, pixels(*size))
    assert global_state.settings() == settings
    assert global_state.generators() == generators
    assert unchanged(system, before)


def test_the_form_that_is_timed_gives_the_same_logits(system, picture, logits):
    assert torch.equal(logits_of(system.inference_form().eval(), picture), logits)


def as_a_batch(system, images):
    """Logits of the images in one batch.

    A refiner of whole batches gets each image's own coarse map: its base is tested by itself, and mean-field iterations
    amplify the base's rounding a hundred times.
    """
    if getattr(type(system), "logits", None) is not Refiner.logits:
        return logits_of(system, torch.cat(images))
    with torch.no_grad():
        return system.refined(torch.cat(images), torch.cat([system.coarse(one) for one in images]))


def test_a_batch_of_two_equals_two_batches_of_one(system, size, picture, logits):
    other = image(*size, seed=1)
    together = as_a_batch(system, [picture, other])
    apart = torch.cat([logits, logits_of(system, other)])
    # another batch size may choose another convolution algorithm: rounding, not more
    assert float((together - apart).abs().max()) <= 1e-4 * float(apart.abs().max())


def target(batch):
    labels = torch.randint(0, CLASSES, (batch, *CROP), generator=torch.Generator().manual_seed(1))
    labels[:, :5] = IGNORE
    return labels


@pytest.fixture
def restored(system):
    """Gives back weights, statistics, mode and what is trained."""
    state = copied(system)
    free = {name for name, parameter in system.named_parameters() if parameter.requires_grad}
    yield system
    system.zero_grad(set_to_none=True)
    system.load_state_dict(state)
    for name, parameter in system.named_parameters():
        parameter.requires_grad_(name in free)
    system.eval()


def test_every_stage_trains_every_parameter_it_leaves_free(restored):
    settings = global_state.settings()
    crops, labels = image(*CROP, batch=2), target(2)
    stir(restored)
    for stage in restored.stages:
        restored.train()
        restored.enter_stage(stage)
        one_step(restored, crops, labels)
    assert torch.equal(crops, image(*CROP, batch=2))
    assert torch.equal(labels, target(2))
    assert global_state.settings() == settings


def one_step(system, crops, labels):
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


def test_a_crop_without_labels_has_finite_losses(restored):
    losses = restored.train().loss(image(*CROP, batch=2), torch.full((2, *CROP), IGNORE))
    assert all(value.isfinite() for value in losses.values()), losses


def test_weights_of_another_net_are_refused_and_nothing_changes(system):
    before = copied(system)
    with pytest.raises(ValueError, match=r"\S"):
        system.load_imagenet({"of.another.net": torch.zeros(3)})
    assert unchanged(system, before)


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise OSError("building a system must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)


def test_building_repeats_in_silence_and_saved_weights_give_the_same_logits(
    card, system, picture, logits, offline, capfd, recwarn
):
    settings, generators = global_state.settings(), global_state.generators()
    twin = build(card, CLASSES).eval()
    assert global_state.settings() == settings
    assert {**global_state.generators(), "torch": generators["torch"]} == generators  # torch's draws the weights
    assert tuple(capfd.readouterr()) == ("", "")
    assert [str(warning.message) for warning in recwarn] == []
    assert unchanged(twin, copied(system))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    file = io.BytesIO()
    torch.save(system.state_dict(), file)
    file.seek(0)
    twin.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(logits_of(twin, picture), logits)


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_trained_once_is_the_same(name):
    assert trained(registry.card(name)) == trained(registry.card(ALIKE[name]))
