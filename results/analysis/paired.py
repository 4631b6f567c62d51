"""The difference in accuracy of two systems, or of two versions of one, paired by seed or else by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.analysis.statistics import Estimate, by_image, difference_of_miou, over_seeds
from results.record import Accuracy, Record


@dataclass(frozen=True)
class Paired:
    """``miou_paper`` of the second minus that of the first, in points, over the seeds that both have."""

    means: tuple[float, float]
    difference: Estimate
    basis: str  # what the interval is computed from
    seeds: int


def paired(base: Sequence[Record], head: Sequence[Record]) -> Paired | None:
    """Compare two sets of accuracy records by seed, or by image if they share one seed. None if they share no seed."""
    before, after = ({record.cell.seed: record.accuracy for record in side} for side in (base, head))
    pairs = [(before[seed], after[seed]) for seed in before if seed in after]
    scored = [(a, b, a.miou_paper, b.miou_paper) for a, b in pairs if a and b]
    found = [(a, b, x, y) for a, b, x, y in scored if x is not None and y is not None]
    if not found:
        return None
    first, second = (sum(column) / len(found) for column in zip(*((x, y) for _, _, x, y in found), strict=True))
    if len(found) > 1:
        estimate, _ = over_seeds([y - x for _, _, x, y in found])
        return Paired((first, second), estimate, f"{len(found)} seeds", len(found))
    estimate, basis = _over_images(found[0][0], found[0][1], second - first)
    return Paired((first, second), estimate, f"n = 1 seed, {basis}", 1)


def _over_images(base: Accuracy, head: Accuracy, difference: float) -> tuple[Estimate, str]:
    if base.labels_hash == head.labels_hash:
        return Estimate(difference, difference, difference, len(base.images)), "the same labels"
    if not (base.image_confusions and head.image_confusions) or not base.paper_classes:
        return Estimate(difference, None, None, 1), "no matrices of single images"
    if base.images != head.images or base.paper_classes != head.paper_classes:
        return Estimate(difference, None, None, 1), "other images or classes"
    matrices = (by_image(base.image_confusions), by_image(head.image_confusions))
    return difference_of_miou(*matrices, base.paper_classes), f"{len(base.images)} images"
