"""The difference in accuracy of two systems, or of two versions of one, over the images and over the seeds they share.

Images and seeds are different sources of variance. Images say whether these trained nets differ on other images of the
same kind; only seeds say whether the methods differ when they are trained again. Neither stands for the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.analysis.statistics import FEWEST, Estimate, Floats, by_image, image_scores, of_median, of_scenes
from results.paper import DATASETS
from results.record import Accuracy, Record


@dataclass(frozen=True)
class Paired:
    """``miou_paper`` of the second less that of the first, in points."""

    means: tuple[float, float]  # of the seeds that both have
    difference: float
    images: Estimate  # of the median image or, where a dataset names them, scene
    images_basis: str  # "16 images", or why there is no interval
    seeds: Estimate  # of the median seed

    @property
    def seeds_basis(self) -> str:
        """The seeds that both have: "3 seeds, at least 6 needed"."""
        return f"{self.seeds.n} seed{'s' * (self.seeds.n > 1)}" + _too_few(self.seeds.n)

    @property
    def resolved(self) -> bool:
        """Whether every source of variance with an interval puts the difference on the side where it is found.

        Without six images (or scenes) and without six seeds nothing is resolved.
        """
        known = [one for one in (self.images, self.seeds) if one.low is not None]
        return bool(known) and all(one.resolved and one.value * self.difference > 0 for one in known)


def paired(base: Sequence[Record], head: Sequence[Record]) -> Paired | None:
    """Compare two sets of accuracy records over the seeds that both have. None if they share no seed."""
    before, after = ({record.cell.seed: record for record in side} for side in (base, head))
    pairs = [(before[seed], after[seed]) for seed in before if seed in after]
    scored = [(pair, _score(pair[0]), _score(pair[1])) for pair in pairs]
    found = [(pair, x, y) for pair, x, y in scored if x is not None and y is not None]
    if not found:
        return None
    first, second = (sum(column) / len(found) for column in zip(*((x, y) for _, x, y in found), strict=True))
    images, basis = _over_images([pair for pair, _, _ in found])
    return Paired((first, second), second - first, images, basis, of_median([y - x for _, x, y in found]))


def _score(record: Record) -> float | None:
    return record.accuracy.miou_paper if record.accuracy else None


def _over_images(pairs: Sequence[tuple[Record, Record]]) -> tuple[Estimate, str]:
    """The difference on the median image, an image's difference being its mean over the seeds."""
    scored = [(one.accuracy, other.accuracy) for one, other in pairs if one.accuracy and other.accuracy]
    ids = scored[0][0].images
    classes = scored[0][0].paper_classes
    if all(one.labels_hash == other.labels_hash for one, other in scored):
        return Estimate(0.0, 0.0, 0.0, len(ids)), "the same labels"
    sides = [side for pair in scored for side in pair]
    if not classes or not all(side.image_confusions for side in sides):
        return Estimate(0.0, None, None, 0), "no matrices of single images"
    if any(side.images != ids or side.paper_classes != classes for side in sides):
        return Estimate(0.0, None, None, 0), "other images or classes"
    differences = np.mean([_scores_by_image(other) - _scores_by_image(one) for one, other in scored], axis=0)
    return _of_units(differences, ids, pairs[0][0].cell.dataset)


def _scores_by_image(accuracy: Accuracy) -> Floats:
    return image_scores(by_image(accuracy.image_confusions), accuracy.paper_classes)


def _of_units(differences: Floats, ids: Sequence[str], dataset: str) -> tuple[Estimate, str]:
    """The interval over images, or over the scenes that a dataset names."""
    pattern = DATASETS[dataset].scene if dataset in DATASETS else ""
    scenes = [match[0] if pattern and (match := re.match(pattern, name)) else name for name in ids]
    if np.isnan(differences).all():
        return Estimate(0.0, None, None, 0), "no image has one of the classes"
    estimate = of_scenes(differences, scenes)
    unit = f"{len(ids)} images in {estimate.n} cities" if len(set(scenes)) < len(ids) else f"{estimate.n} images"
    return estimate, unit + _too_few(estimate.n)


def _too_few(units: int) -> str:
    return f", at least {FEWEST} needed" if units < FEWEST else ""
