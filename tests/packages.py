"""Small packages of other people: what they hold reaches the suite by entry points, as an installer leaves them."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def declare(folder, name, points):
    """Leave in ``folder`` what an installer writes for package ``name``: its entry points, {group: {name: value}}."""
    info = folder / f"{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 0.1.0\n", encoding="utf-8")
    text = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in points.items()
    )
    (info / "entry_points.txt").write_text(text, encoding="utf-8")


def environment(*paths):
    """The environment in which the packages in ``paths`` are installed."""
    path = os.pathsep.join([*map(str, paths), str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}


def isdbench(*words, folder, paths=(), check=True):
    """Run the command line in ``folder``."""
    command = [sys.executable, "-m", "benchmark", *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment(*paths))
    if check:
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


SLOWNET = '''
"""SlowNet: a small net that takes its time, so that there is time to kill it. {comment}"""
import time
from benchmark.card import Card, Recipe, WholeImage
from benchmark.spec import SystemSpec

CARD = Card(
    name="slownet", title="SlowNet", group="Added", citation="none", source="a test", licence="MIT",
    fidelity="reimplemented", backbone="none", parameters=1, inference=WholeImage(),
    recipes={{"paper": Recipe(source="a test", crop=(256, 256), iterations=100, learning_rate=0.01)}},
)

def build(card, num_classes):
    import torch
    from torch import nn
    from torch.nn import functional as F
    from benchmark.inference import resize
    from benchmark.system import System

    class SlowNet(System):
        def __init__(self):
            super().__init__(card, num_classes)
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU())
            self.classifier = nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(8, num_classes, 1))

        def forward(self, image):
            {forward}
            return self.classifier(self.features(self.normalised(image)))

        def loss(self, image, target):
            {loss}
            logits = resize(self(image), tuple(target.shape[-2:]))
            return {{"cross_entropy": F.cross_entropy(logits, target, ignore_index=255)}}

    return SlowNet()

SYSTEMS = (SystemSpec(CARD, build),)
'''


def write_slownet(folder, forward="pass", loss="pass"):
    """A package with the system "slownet", whose ``forward`` and ``loss`` begin with the given lines."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slownet.py").write_text(SLOWNET.format(comment="", forward=forward, loss=loss), encoding="utf-8")
    declare(folder, "slownet", {"isdbench.systems": {"slownet": "slownet"}})
    return folder
