"""Which cards share an architecture, and what the tests of architectures and of cards have in common."""

import inspect
from collections.abc import Hashable
from functools import partial

import numpy as np
import pytest
import torch

from benchmark import registry
from benchmark.card import Card
from benchmark.prediction import to_batch

PAPER_CLASSES = 7  # for which a card states its number of parameters
SIZE = (77, 69)  # odd, not a multiple of any stride
SIZES = {"densecrf-exact": (41, 37)}  # its time grows with the square of the pixels
RATIO = 0.1  # for settings in pixels: four patches of 51 on such an image


def builder(card: Card) -> Hashable:
    """The function that builds a card's system, with all that is bound to it."""
    build, bound = registry.specs()[card.name].build, {}
    if isinstance(build, partial):
        build, bound = build.func, {"args": build.args, **build.keywords}
    bound |= inspect.getclosurevars(build).nonlocals
    return (build.__module__, build.__qualname__, repr(bound))


def architecture(card: Card) -> Hashable:
    """Builder, variant and net. Cards that agree in it differ by recipe, row and numbers of their inference."""
    net = (card.variant, card.base, card.backbone, card.parameters, card.size_multiple)
    return (builder(card), *net)


def representative(card: Card) -> Card:
    """The first card of a card's architecture."""
    return next(other for other in registry.cards().values() if architecture(other) == architecture(card))


def representatives() -> list[Card]:
    """One card of each architecture. A reference is no net: tests/baselines/test_constant.py."""
    nets = [card for card in registry.cards().values() if not card.is_reference]
    return list({architecture(card): card for card in reversed(nets)}.values())[::-1]


ALIKE = {  # cards of one net, loss and stages, that differ in their inference: trained and saved once
    "cascadepsp-batched": "cascadepsp",
    "cascadepsp-pip": "cascadepsp",
    "fctl-batched": "fctl",
    "densecrf-exact": "densecrf",
    "dgf-fast": "dgf",
    "magnet-fast": "magnet",
    "magnet-as-intended": "magnet",
    "magnet-fast-as-intended": "magnet",
    "magnet-fast-cityscapes": "magnet-cityscapes",
    "magnet-cityscapes-as-intended": "magnet-cityscapes",
    "magnet-fast-cityscapes-as-intended": "magnet-cityscapes",
    "pointrend-whole": "pointrend",
    "pointrend-dense": "pointrend",
    "segfix-as-released": "segfix",
}


def trained(card: Card) -> Hashable:
    """What training and saving depend on: the system's loss and stages, its variant, names and shapes of weights."""
    system = build(card.at(RATIO), 3)
    shapes = [(name, tuple(tensor.shape)) for name, tensor in system.state_dict().items()]
    kind = type(system)
    return (
        kind.loss,
        kind.enter_stage,
        kind.load_imagenet,
        system.stages,
        repr(getattr(system, "variant", None)),
        repr(shapes),
    )


def build(card: Card, classes: int, device: str = "cpu"):
    """The system with the weights of seed 0; the test is skipped where an optional dependency is not installed."""
    torch.manual_seed(0)
    try:
        with torch.device(device):
            return registry.build(card, classes)
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


def stir(system):
    """Move every weight a little: a net may start with zeros, behind which no gradient flows in the first step."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.02)


def pixels(*size: int):
    """The same as a uint8 image ``[H, W, 3]``."""
    return np.round(image(*size)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def timed_labels(system, seen):
    """Labels of a uint8 image by the call that is timed, of the form that is timed."""
    with torch.inference_mode():
        return system.inference_form().eval().predict(to_batch(seen, "cpu"))[0].numpy()


def logits_of(system, picture):
    """Logits by the procedure on the system's card."""
    with torch.inference_mode():
        return system.logits(picture)
