"""A dataset of noise and a net of two layers: what training and evaluation are tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmark.card import Card, Recipe, WholeImage
from benchmark.data.base import IGNORE, Dataset, DatasetInfo
from benchmark.system import System

INFO = DatasetInfo(
    name="tiny",
    title="Tiny",
    classes=("unknown", "land", "open water"),
    palette=((0, 0, 0), (0, 255, 0), (0, 0, 255)),
    image_size=(40, 56),
    paper_classes=(1, 2),
    unknown_class=0,
)


class TinyDataset(Dataset):
    """Blocks of bright land and dark water with unknown and ignored corners, drawn from the id; ``reads`` counts."""

    info = INFO

    def __init__(self, root: Path = Path("nowhere"), images: int = 5) -> None:
        super().__init__(root)
        self.images = images
        self.reads: list[str] = []

    def official_ids(self, split):
        return tuple(f"{split}{index}" for index in range(self.images))

    def available_ids(self):
        return frozenset(self.official_ids("train") + self.official_ids("test"))

    def image_path(self, image_id):
        return self.root / f"{image_id}.jpg"

    def label_path(self, image_id):
        return self.root / f"{image_id}.png"

    def read(self, image_id):
        self.reads.append(image_id)
        generator = np.random.default_rng(list(image_id.encode()))
        blocks = generator.integers(1, 3, (5, 7), dtype=np.uint8)
        label = np.kron(blocks, np.ones((8, 8), np.uint8))
        image = np.where(label == 1, 200, 60)[..., None] + generator.integers(-50, 50, (40, 56, 3))
        label[:4, :4], label[-4:, -4:] = 0, IGNORE
        return image.astype(np.uint8), label

    def verify(self):
        return []


RECIPE = Recipe(
    source="test", crop=(48, 64), iterations=100, batch=2, learning_rate=0.05, resize=(0.7, 1.4), warmup_iterations=20
)
CARD = Card(
    name="tiny",
    title="Tiny",
    group="Test",
    citation="",
    source="",
    licence="MIT",
    fidelity="reimplemented",
    backbone="none",
    parameters=0,
    inference=WholeImage(),
    recipes={"paper": RECIPE},
    ratio=0.5,
)


class TinySystem(System):
    """Batch norm, dropout, two losses and, where asked, two stages of which the second trains the head alone."""

    def __init__(self, card: Card = CARD, num_classes: int = 3, stages: tuple[str, ...] = ("main",)) -> None:
        super().__init__(card, num_classes)
        self.stages = stages
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.2),
        )
        self.head = torch.nn.Conv2d(8, num_classes, 1)

    def forward(self, image):
        return self.head(self.body(self.normalised(image)))

    def loss(self, image, target):
        logits = F.interpolate(self(image), target.shape[-2:], mode="bilinear")
        return {"seg": F.cross_entropy(logits, target, ignore_index=IGNORE), "flat": 0.01 * logits.square().mean()}

    def enter_stage(self, stage):
        self.body.requires_grad_(stage != "head")


def tiny_system(stages: tuple[str, ...] = ("main",)) -> TinySystem:
    torch.manual_seed(3)
    return TinySystem(stages=stages)
