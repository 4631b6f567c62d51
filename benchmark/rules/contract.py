"""The contract of a system, as checks that run on any system: what training, scoring and timing rely on.

Each check raises ``AssertionError`` with what it found. The systems of this repository pass stricter tests besides.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark import registry
from benchmark.card import Card
from benchmark.prediction import predicted
from benchmark.system import IGNORE, System

SIZE = (77, 69)  # odd, no multiple of any stride
CROP = (70, 62)
RATIO = 0.1  # of settings in pixels, so that patches are smaller than the image
CLASSES = 7  # for which a card states its parameters
CLOSE = 1e-4  # of the largest logit: rounding of another convolution algorithm


@dataclass(frozen=True)
class Subject:
    """A system under check, with fixed weights, and an image."""

    card: Card
    system: System
    image: Tensor  # [1, 3, H, W]

    def logits(self, image: Tensor | None = None, system: System | None = None) -> Tensor:
        """Logits of the image, or of others."""
        with torch.inference_mode():
            return (system or self.system).logits(self.image if image is None else image)


def subject(card: Card) -> Subject:
    """The system of a card, at a small size."""
    torch.manual_seed(0)
    system = registry.build(card.at(RATIO), CLASSES).eval()
    return Subject(card, system, torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0)))


def parameters(one: Subject) -> None:
    """The card's number of parameters is that of the net."""
    counted = sum(parameter.numel() for parameter in one.system.inference_form().parameters())
    stated = one.card.parameters
    by_name = one.card.fidelity == "library" and ":" in one.card.name  # "smp:Unet/resnet34" has no card of its own
    assert stated == counted or by_name, f"the card says {stated:,}, the net for {CLASSES} classes has {counted:,}"


def classes(one: Subject) -> None:
    """A net for two classes has logits of two."""
    torch.manual_seed(0)
    shape = one.logits(system=registry.build(one.card.at(RATIO), 2).eval()).shape
    assert shape[1] == 2, f"shape {tuple(shape)}: does the builder use num_classes?"


def shape(one: Subject) -> None:
    """Logits are finite and have the classes, whatever the image's size."""
    for size in (SIZE, (64, 64), (33, 120)):
        logits = one.logits(torch.rand(1, 3, *size))
        assert logits.shape[:2] == (1, CLASSES), f"shape {tuple(logits.shape)} for an image of {size}"
        assert bool(logits.isfinite().all()), f"NaN or infinite for an image of {size}"


def labels(one: Subject) -> None:
    """``predict`` gives uint8 labels of the image's size, the same ones each time."""
    pixels = (one.image[0].permute(1, 2, 0) * 255).byte().numpy()
    first, second = (predicted(one.system, pixels) for _ in range(2))
    assert first.max() < CLASSES, f"label {first.max()} of {CLASSES} classes"
    assert (first == second).all(), "two calls differ"


def looks(one: Subject) -> None:
    """Another image gives other logits."""
    assert not torch.equal(one.logits(), one.logits(1 - one.image)), "the logits do not depend on the image"


def untouched(one: Subject) -> None:
    """``predict`` changes neither the image nor the weights."""
    image, before = one.image.clone(), copy.deepcopy(one.system.state_dict())
    with torch.inference_mode():
        one.system.predict(one.image)
    assert torch.equal(image, one.image), "the image was changed"
    changed = [name for name, value in one.system.state_dict().items() if not torch.equal(value, before[name])]
    assert not changed, f"{changed[0]} was changed"


def batch(one: Subject) -> None:
    """Two images at once give the logits of each alone."""
    other = 1 - one.image
    together = one.logits(torch.cat([one.image, other]))
    apart = torch.cat([one.logits(), one.logits(other)])
    difference = float((together - apart).abs().max() / apart.abs().max().clamp_min(1e-12))
    assert difference <= CLOSE, f"they differ by {difference:.1e} of the largest logit"


def inference_form(one: Subject) -> None:
    """The form that is timed gives the same logits."""
    assert torch.equal(one.logits(), one.logits(system=one.system.inference_form().eval())), "they differ"


def training(one: Subject) -> None:
    """Every stage has finite losses and a gradient for each parameter that it leaves free."""
    system = copy.deepcopy(one.system)
    target = torch.randint(0, CLASSES, (2, *CROP), generator=torch.Generator().manual_seed(1))
    target[:, :5] = IGNORE
    for stage in system.stages:
        system.train()
        system.enter_stage(stage)
        system.zero_grad(set_to_none=True)
        losses = system.loss(torch.rand(2, 3, *CROP), target)
        wrong = [name for name, loss in losses.items() if loss.shape != () or not loss.isfinite()]
        assert losses, f"stage {stage}: there is no loss"
        assert not wrong, f"stage {stage}: no finite number: {', '.join(wrong)}"
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        idle = [name for name, p in system.named_parameters() if p.requires_grad and p.grad is None]
        assert not idle, f"stage {stage}: no gradient reaches {idle[0]} (and {len(idle) - 1} others)"


def unlabelled(one: Subject) -> None:
    """A crop without labels has finite losses."""
    losses = copy.deepcopy(one.system).train().loss(torch.rand(2, 3, *CROP), torch.full((2, *CROP), IGNORE))
    wrong = [name for name, loss in losses.items() if not loss.isfinite()]
    assert not wrong, f"{', '.join(wrong)}: not finite"


def saved(one: Subject) -> None:
    """Saved weights, loaded into a new system, give the same logits."""
    torch.manual_seed(1)
    twin = registry.build(one.card.at(RATIO), CLASSES).eval()
    twin.load_state_dict(one.system.state_dict())
    assert torch.equal(one.logits(), one.logits(system=twin)), "they differ: is a weight no parameter or buffer?"


CHECKS: tuple[Callable[[Subject], None], ...] = (
    *(parameters, shape, classes, labels, looks, untouched, batch, inference_form, training, unlabelled, saved),
)


def failure(check: Callable[[Subject], None], one: Subject) -> str:
    """What a check found, in one line; empty if the system passes."""
    try:
        check(one)
    except AssertionError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""
