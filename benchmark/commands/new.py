"""``isdbench new system NAME``: a package with a system of one's own that runs at once."""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import re
from pathlib import Path

from benchmark import registry
from benchmark.errors import UserError

PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
dependencies = ["isdbench"]

[project.entry-points."isdbench.systems"]
{name} = "{name}"

[tool.hatch.build.targets.wheel]
packages = ["{name}"]
"""
CARD = '''"""{name}: a system for ISDBench. The card describes it without torch; the net is in ``net.py``."""

from benchmark.card import Card, Recipe, WholeImage
from benchmark.spec import SystemSpec

CARD = Card(
    name="{name}",
    title="{name}",
    group="Added",
    citation="none",
    source="this package",
    licence="MIT",
    fidelity="reimplemented",
    backbone="none",
    parameters=567,  # of the net for seven classes; 'isdbench check {name}' counts them
    inference=WholeImage(),  # or SlidingWindow(patch=512, overlap=120), Downsampled(scale=0.5)
    recipes={{"paper": Recipe(source="this package", crop=(1224, 1224), iterations=80_000, learning_rate=0.01)}},
)


def build(card, num_classes):
    from {name}.net import Net

    return Net(card, num_classes)


SYSTEMS = (SystemSpec(CARD, build),)
'''
NET = '''"""The net: replace the two convolutions by your own."""

from torch import nn
from torch.nn import functional as F

from benchmark.inference import resize
from benchmark.system import IGNORE, System


class Net(System):
    def __init__(self, card, num_classes):
        super().__init__(card, num_classes)
        self.features = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.classifier = nn.Conv2d(16, num_classes, 1)

    def forward(self, image):
        """Logits [B, C, h, w], at any stride, of images [B, 3, H, W] in [0, 1]."""
        return self.classifier(F.relu(self.features(self.normalised(image))))

    def loss(self, image, target):
        """Losses by name; target is int64 [B, H, W], 255 where there is no label."""
        logits = resize(self(image), tuple(target.shape[-2:]))
        counted = (target != IGNORE).sum().clamp_min(1)
        return {{"cross_entropy": F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum") / counted}}
'''
TEST = """from benchmark.cli import main


def test_the_system_keeps_the_contract():
    assert main(["check", "{name}"]) == 0
"""
FILES = {"pyproject.toml": PYPROJECT, "{name}/__init__.py": CARD, "{name}/net.py": NET, "tests/test_{name}.py": TEST}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to make, and its name."""
    parser.add_argument("kind", choices=("system",))
    parser.add_argument("name", help="of the system and of its package: lower case letters, digits and underscores")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder of the new package (here)")


def main(args: argparse.Namespace) -> int:
    """Write the files and say what comes next.

    Raises:
        UserError: the name is no Python name or taken, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", args.name):
        raise UserError(f"'{args.name}': use lower case letters, digits and underscores, a letter first")
    if keyword.iskeyword(args.name) or args.name in registry.cards() or importlib.util.find_spec(args.name):
        raise UserError(f"'{args.name}': is a word of Python, a system or an installed package; choose another name")
    root: Path = args.out / args.name
    if root.exists():
        raise UserError(f"{root}: exists already; choose another name or --out")
    for pattern, text in FILES.items():
        file = root / pattern.format(name=args.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(name=args.name), encoding="utf-8")
        print(file)
    print(
        f"next, in the environment of isdbench:\n"
        f"  pip install -e {root}\n"
        f"  isdbench check {args.name}                   # after every change; pytest {root} runs it too\n"
        f"  isdbench run table1 --systems {args.name}\n"
        f"your net goes into {root / args.name / 'net.py'}, what is said of it into the card in __init__.py"
    )
    return 0
