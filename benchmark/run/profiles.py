"""Budgets: how large the images are, how long a system trains, how many samples a cost figure rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from benchmark.card import Card
from benchmark.errors import UnknownNameError
from results.cell import Region, digest, identity


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A budget. ``ratio`` is the side of a synthetic image over the paper's; real images keep their size."""

    name: str
    ratio: float
    train_images: int  # of the synthetic dataset
    test_images: int
    whole_dataset: bool  # of a real dataset: all images, or no more than the two numbers above
    iterations: int | None  # None: the recipe's own number
    batch: int | None  # None: the recipe's own
    imagenet: Literal["auto", "local", "off"]  # auto: a local file, else a download; local: never a download
    timed_regions: tuple[Region, ...]
    min_samples: int  # of a cost figure
    max_samples: int
    sample_seconds: float  # sampling one system stops after this, once min_samples are taken
    max_warmup: int  # in each round
    rounds: int  # processes that share a system's samples; between them come those of the other systems
    recipe: str = ""  # by which all systems are trained; "": the first on each card
    shared: Mapping[str, str] = field(default_factory=dict)  # system: the one of the same net whose weights it takes
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)  # what differs from the recipe, for all systems
    cost_only: tuple[str, ...] = ()  # systems of a table that are not trained unless they are named or --iterations is
    train_threads: int | None = None  # CPU threads of one training, others run on the cores that it leaves; None: all
    heavy: Mapping[str, int] = field(default_factory=dict)  # what differs for a system that cannot be shrunk

    slow: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # what differs for single systems, by name

    KEY_FIELDS: ClassVar[tuple[str, ...]] = (
        *("ratio", "train_images", "test_images", "whole_dataset", "iterations", "batch", "imagenet"),
        *("timed_regions", "min_samples", "max_samples", "sample_seconds", "max_warmup", "rounds", "recipe", "heavy"),
        *("shared", "recipe_changes", "slow"),
    )

    @property
    def hash(self) -> str:
        """Fingerprint of all that decides a result."""
        return digest(identity(self))

    def for_card(self, card: Card) -> Profile:
        """The profile as it is for one system."""
        differing: Mapping[str, Any] = {**(self.heavy if card.heavy else {}), **self.slow.get(card.name, {})}
        return replace(self, heavy={}, slow={}, **differing)


SAME_NET = {  # rows of Table 1 that differ in their inference alone
    "unet-global": "unet-local",
    "fcn8s-global": "fcn8s-local",
    "deeplabv3plus-global": "deeplabv3plus-local",
    "magnet-fast": "magnet",
}
SLOW = ("fcn8s-local", "fcn8s-global", "glnet", "fctl", "cascadepsp")  # 2 to 11 s of one core for an iteration
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",  # two CPU cores, minutes
            ratio=0.25,
            train_images=8,
            test_images=2,
            whole_dataset=False,
            iterations=8,
            batch=2,
            imagenet="local",
            timed_regions=("predict",),
            min_samples=6,
            max_samples=15,
            sample_seconds=8.0,
            max_warmup=4,
            rounds=2,
            heavy={"iterations": 4, "batch": 1, "max_warmup": 0, "rounds": 1},  # the call that counts FLOPs warms them
        ),
        Profile(
            name="first",  # two CPU cores, 15 to 20 minutes for Table 1, its nets trained a little
            ratio=0.125,
            train_images=24,
            test_images=6,
            whole_dataset=False,
            iterations=320,
            batch=2,
            imagenet="off",
            timed_regions=("predict",),
            min_samples=6,
            max_samples=12,
            sample_seconds=3.0,
            max_warmup=4,
            rounds=2,
            recipe="short",
            shared=SAME_NET,
            recipe_changes={"learning_rate": 4e-3},
            slow={name: {"iterations": 25, "max_warmup": 0, "rounds": 1} for name in SLOW},
            cost_only=SLOW,  # 25 iterations take minutes and teach them nothing
            train_threads=1,  # small images: two trainings side by side are sooner done than one after the other on two
        ),
        Profile(
            name="desk",  # two CPU cores, hours for a table; or one GPU, minutes
            ratio=0.25,
            train_images=48,
            test_images=16,
            whole_dataset=True,
            iterations=300,
            batch=4,
            imagenet="off",  # the same start on every machine
            timed_regions=("predict",),
            min_samples=10,
            max_samples=20,
            sample_seconds=10.0,
            max_warmup=4,
            rounds=2,
            recipe="short",
            train_threads=1,
        ),
        Profile(
            name="lite",  # one GPU, about an hour for a table
            ratio=1.0,
            train_images=48,
            test_images=12,
            whole_dataset=True,
            iterations=1500,
            batch=4,
            imagenet="auto",
            timed_regions=("logits", "predict", "end_to_end"),
            min_samples=30,
            max_samples=200,
            sample_seconds=20.0,
            max_warmup=50,
            rounds=3,
        ),
        Profile(
            name="paper",  # the full schedule
            ratio=1.0,
            train_images=454,
            test_images=142,
            whole_dataset=True,
            iterations=None,
            batch=None,
            imagenet="auto",
            timed_regions=("logits", "predict", "end_to_end"),
            min_samples=100,
            max_samples=300,
            sample_seconds=60.0,
            max_warmup=100,
            rounds=5,
        ),
    )
}


def profile(name: str) -> Profile:
    """The profile of a name.

    Raises:
        UnknownNameError: there is no such profile.
    """
    if name not in PROFILES:
        raise UnknownNameError("profile", name, PROFILES)
    return PROFILES[name]
