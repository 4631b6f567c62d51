"""Exports systems and times the files beside torch, for docs/export.md: ``python docs/export_times.py SYSTEM...``.

Weights are random from seed 0, as for cost cells, with batch norm's statistics of one image: otherwise most nets name a
single class, and any two label maps agree. Each file and torch take turns in one process on one thread.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark import registry
from benchmark.errors import UserError
from benchmark.export.export import UNSEEN, export
from benchmark.export.formats import OPEN
from benchmark.export.part import exported_part
from benchmark.export.traced import EXAMPLE, example_image
from benchmark.system import System

TURNS = 5
SIZE = (512, 512)  # of the timed image
EQUAL = tuple("labels equal at {}x{} (classes)".format(*size) for size in UNSEEN)
HEAD = ("system", "file", *EQUAL, "torch, s", "file, s", "file / torch")


def built(name: str) -> System:
    """A system in its inference form whose labels are of several classes."""
    torch.manual_seed(0)
    system = registry.build(registry.card(name), 7).inference_form()
    norms = [module for module in system.eval().modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.train().momentum = 1.0
    with torch.no_grad():
        system.predict(example_image(0, EXAMPLE).repeat(2, 1, 1, 1))  # a batch of two: some norms see single pixels
    return system.eval()


def rows(name: str, folder: Path) -> None:
    """Print the lines of one system."""
    for ending, opened in OPEN.items():
        system, file = built(name), folder / f"{name}{ending}"
        try:
            found = export(system, file, {})
        except UserError as error:
            print(f"| {name} | {ending} | {error} |" + " |" * (len(HEAD) - 3), flush=True)
            continue
        own, other = seconds(exported_part(system), opened(file, 1))
        shares = " | ".join(f"{100 * one.share:.3f} % ({one.classes})" for one in found)
        print(f"| {name} | {ending} | {shares} | {own:.2f} | {other:.2f} | {other / own:.2f} |", flush=True)


@torch.inference_mode()
def seconds(*calls: Callable[[Tensor], Tensor]) -> list[float]:
    """The median time of each call on one image, taken in turns after a first call that is not counted."""
    image = example_image(2, SIZE)
    taken: list[list[float]] = []
    for _ in range(TURNS + 1):
        taken.append([])
        for call in calls:
            start = time.perf_counter()
            call(image)
            taken[-1].append(time.perf_counter() - start)
    return [statistics.median(times) for times in zip(*taken[1:], strict=True)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in (HEAD, ["---"] * len(HEAD)):
        print(f"| {' | '.join(line)} |")
    with tempfile.TemporaryDirectory() as made:
        for named in sys.argv[1:]:
            rows(named, Path(made))
