"""FLOPs at the paper's image sizes of every system that feeds a printed speed.

Nets and images are on torch's meta device: shapes without values, so nothing is computed. A method whose work depends
on the values has no such count. It runs on a small synthetic image, everything on its card reduced alike, and the count
is enlarged with the number of pixels: an estimate, marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch

from benchmark import registry
from benchmark.card import Card
from benchmark.cost.flops import flops
from benchmark.data.synthetic import World, scene
from benchmark.system import System
from results.cell import digest, identity
from results.paper import DATASETS, TABLE_NAMES, paper_table
from results.paper.flops import Flops, FlopsFile

SCALES = (1.0, 0.8)  # the image as the paper says, and as the official speed script reduces it unless told otherwise
Counted = tuple[int | None, dict[str, int], str]  # FLOPs or none, what the call did, why there are none
# The small image's sides are the true ones over these, by which MagNet's tiles, of 612 and of 128x256, stay whole:
# 272x272, 625x625, 128x256
REDUCED = {"deepglobe": 9, "inria": 8, "cityscapes": 8}


def counted(cards: Iterable[Card], progress: Callable[[str], None]) -> FlopsFile:
    """The counts for all cards that feed a printed speed; ``progress`` hears the name of each system before it."""
    entries = []
    for card, dataset in wanted(cards):
        progress(f"{card.name} ({dataset})")
        entries += [count(card, dataset, scale) for scale in SCALES]
    return FlopsFile(torch=torch.__version__.partition("+")[0], entries=tuple(entries))


def wanted(cards: Iterable[Card]) -> Iterator[tuple[Card, str]]:
    """Each card with each of the paper's datasets for which a table prints its speed."""
    datasets = {
        f"{table.name}/{row.row}": table.dataset
        for table in map(paper_table, TABLE_NAMES)
        for row in table.rows
        if "fps" in row.figures
    }
    for card in cards:
        for dataset in dict.fromkeys(datasets[row] for row in card.rows if row in datasets):
            yield card, dataset


def count(card: Card, dataset: str, scale: float) -> Flops:
    """FLOPs of one ``predict`` on one of the paper's images with its sides reduced by ``scale``; the card stays."""
    height, width = (int(side * scale) for side in DATASETS[dataset].image_size)
    sample = ""
    try:
        total, work, reason = _on_meta(card, dataset, (height, width))
        if total is None:
            total, work, reason = _estimate(card, dataset, (height, width))
            sample = "{}x{}".format(*_reduced(dataset, (height, width)))
    except ModuleNotFoundError as error:  # of an optional package
        total, work, reason = None, {}, str(error)
    return Flops(
        system=card.name,
        card=card_hash(card),
        dataset=dataset,
        scale=scale,
        height=height,
        width=width,
        flops=total,
        estimated_from=sample if total is not None else "",
        reason=reason.partition("\n")[0],
        work=work if total is not None else {},
    )


def _on_meta(card: Card, dataset: str, size: tuple[int, int]) -> Counted:
    """FLOPs and work of a system on an image without values."""
    system = _built(card, dataset).to("meta")
    total, reason = flops(system, torch.empty(1, 3, *size, device="meta"))
    return total, system.work, reason


def _estimate(card: Card, dataset: str, size: tuple[int, int]) -> Counted:
    """The same with random weights on a small synthetic image, the FLOPs enlarged with the pixels to the true size."""
    torch.manual_seed(0)
    system = _built(card.at(1 / REDUCED[dataset]), dataset)
    small = _reduced(dataset, size)
    pixels = torch.from_numpy(scene(World(), 0, small).image)
    total, reason = flops(system, pixels.permute(2, 0, 1)[None].float() / 255)
    factor = (size[0] * size[1]) / (small[0] * small[1])
    return None if total is None else round(total * factor), system.work, reason


def _built(card: Card, dataset: str) -> System:
    classes = len(registry.dataset(dataset).info.classes)
    return registry.build(card, classes).eval().inference_form()


def _reduced(dataset: str, size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] / REDUCED[dataset]), round(size[1] / REDUCED[dataset])


def card_hash(card: Card) -> str:
    """Fingerprint of what a count depends on and a card says; words that describe a procedure are not in it."""
    settings = identity(card)["Card"]
    return digest(
        {name: settings[name] for name in ("inference", "sizes", "size_multiple", "base") if name in settings}
    )
