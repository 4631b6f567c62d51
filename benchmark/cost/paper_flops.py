"""FLOPs at the paper's image sizes of every system that feeds a printed speed.

Nets and images are on torch's meta device: shapes without values, so nothing is computed. A method whose work depends
on the values cannot be counted there. It runs on a small synthetic image, with the sizes on its card reduced alike, and
its count is multiplied by the ratio of pixels: an estimate, marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch

from benchmark import registry
from benchmark.card import Card
from benchmark.cost import flops
from benchmark.data.synthetic import World, scene
from benchmark.system import System
from results.cell import digest, identity
from results.paper import DATASETS, TABLE_NAMES, paper_table
from results.paper.flops import Flops, FlopsFile

SCALES = (1.0, 0.8)  # the image as the paper says, and as the official speed script reduces it unless told otherwise
Counted = tuple[int | None, dict[str, int], str]  # FLOPs or None, what the call did, why there are none
# Divisors of the image's sides for the small image. They divide MagNet's tiles of 612 and of 128x256 pixels evenly; the
# small images are 272x272, 625x625 and 128x256
REDUCED = {"deepglobe": 9, "inria": 8, "cityscapes": 8}


def counted(cards: Iterable[Card], progress: Callable[[str], None]) -> FlopsFile:
    """The counts for all cards that feed a printed speed; ``progress`` is told each system before it is counted."""
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
        if "fps" in row.values
    }
    for card in cards:
        for dataset in dict.fromkeys(datasets[row] for row in card.rows if row in datasets):
            yield card, dataset


def count(card: Card, dataset: str, scale: float) -> Flops:
    """FLOPs of one ``predict`` on one of the paper's images with its sides times ``scale``; the card is not scaled."""
    height, width = (int(side * scale) for side in DATASETS[dataset].image_size)
    small = (round(height / REDUCED[dataset]), round(width / REDUCED[dataset]))
    estimated_from = ""
    try:
        system = _built(card, dataset).to("meta")
        counts = flops.count(system, torch.empty(1, 3, height, width, device="meta"))
        total, work, reason = counts.flops, system.work, counts.reason
        if total is None:
            total, work, reason = estimate(card, dataset, (height, width), small)
            estimated_from = "{}x{}".format(*small)
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
        estimated_from=estimated_from if total is not None else "",
        reason=reason.partition("\n")[0],
        work=work if total is not None else {},
    )


def estimate(card: Card, dataset: str, size: tuple[int, int], small: tuple[int, int]) -> Counted:
    """FLOPs at ``size``, estimated by a count with random weights on a synthetic image of the size ``small``.

    Args:
        card: not scaled; its pixel-sized settings are divided by the same number as the image's sides.
        dataset: name of the dataset, for the class count and the divisor.
        size: (height, width) of the paper's image.
        small: (height, width) of the image that is run.

    Returns:
        FLOPs (None if they cannot be counted), the work of the small call, and why there are no FLOPs.
    """
    torch.manual_seed(0)
    system = _built(card.at(1 / REDUCED[dataset]), dataset)
    pixels = torch.from_numpy(scene(World(), 0, small).image)
    counts = flops.count(system, pixels.permute(2, 0, 1)[None].float() / 255)
    factor = (size[0] * size[1]) / (small[0] * small[1])
    return None if counts.flops is None else round(counts.flops * factor), system.work, counts.reason


def _built(card: Card, dataset: str) -> System:
    classes = len(registry.dataset(dataset).info.classes)
    return registry.build(card, classes).eval().inference_form()


def card_hash(card: Card) -> str:
    """Hash of the fields of a card that a count depends on; the description of a procedure is left out."""
    settings = identity(card)["Card"]
    return digest(
        {name: settings[name] for name in ("inference", "sizes", "size_multiple", "base") if name in settings}
    )
