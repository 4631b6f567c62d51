"""Rules about accuracy records: scores follow from the matrix, the matrix from the images, these from the split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from benchmark import registry
from benchmark.accuracy.metrics import metrics
from benchmark.data.base import DatasetInfo, ids_hash
from benchmark.data.folder import FolderDataset, packaged_ids
from benchmark.rules.common import AGAIN
from benchmark.rules.rule import Rule
from results.analysis.statistics import by_image
from results.cell import digest
from results.record import Accuracy, Record

NEAR = 1e-6  # percent: a score is computed from whole numbers


def _matrix(record: Record) -> Iterator[str]:
    accuracy = record.accuracy
    if not accuracy or not accuracy.image_confusions:
        return
    matrices = by_image(accuracy.image_confusions)
    if matrices.sum(axis=0).tolist() != [list(row) for row in accuracy.confusion]:
        yield "confusion is not the sum of image_confusions"
    named = {image: matrix.tolist() for image, matrix in zip(accuracy.images, matrices, strict=True)}
    if digest(named) != accuracy.image_confusions_hash:
        yield "image_confusions_hash is not that of images and image_confusions"


def _scores(record: Record) -> Iterator[str]:
    accuracy, info = record.accuracy, _info(record)
    if not accuracy or not info or len(info.classes) != len(accuracy.confusion):
        return
    own = metrics(info, np.array(accuracy.confusion, np.int64))
    said: Mapping[str, float | None] = {**_headline(accuracy), **accuracy.conventions, **accuracy.iou}
    found = {"miou_paper": own.miou_paper, "miou_dataset": own.miou_dataset, **own.conventions, **own.iou}
    for name in sorted({*said, *found}):
        if not _same(said.get(name), found.get(name)):
            yield f"{name} {said.get(name)}, but the matrix gives {found.get(name)}"


def _headline(accuracy: Accuracy) -> dict[str, float | None]:
    return {"miou_paper": accuracy.miou_paper, "miou_dataset": accuracy.miou_dataset}


def _same(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else math.isclose(one, other, abs_tol=NEAR)


def _classes(record: Record) -> Iterator[str]:
    accuracy, info = record.accuracy, _info(record)
    if accuracy and info and len(accuracy.confusion) != len(info.classes):
        yield f"a matrix of {len(accuracy.confusion)} classes; {info.name} has {len(info.classes)}"
    if accuracy and info and accuracy.paper_classes not in ((), info.paper_classes):
        yield f"paper_classes {accuracy.paper_classes}; those of {info.name} are {info.paper_classes}"


def _split(record: Record) -> Iterator[str]:
    accuracy, cell = record.accuracy, record.cell
    if not accuracy:
        return
    if len(set(accuracy.images)) < len(accuracy.images):
        yield "an image is scored twice"
    trained, _, scored = cell.split_hash.partition("-")
    if scored != ids_hash(accuracy.images):
        yield f"split_hash ends in {scored}, but the scored images have {ids_hash(accuracy.images)}"
    official = _official(cell.dataset, "train" if cell.split == "holdout" else cell.split)
    if official and not set(accuracy.images) <= official:
        strange = sorted(set(accuracy.images) - official)
        yield f"{len(strange)} images are not in split '{cell.split}' of {cell.dataset}, such as {strange[0]!r}"
    train = _official(cell.dataset, "train")
    whole = ids_hash(sorted(train))
    if train and cell.split != "holdout" and accuracy.train_images == len(train) and trained != whole:
        yield f"split_hash begins with {trained}, but split 'train' of {cell.dataset} has {whole}"


def _official(dataset: str, split: str) -> set[str]:
    """The ids of a split of the literature; none where the suite has no list of it."""
    known = registry.datasets()
    if dataset not in known or not issubclass(known[dataset], FolderDataset):
        return set()
    try:
        return set(packaged_ids(dataset, split))
    except FileNotFoundError:
        return set()


def _pixels(record: Record) -> Iterator[str]:
    accuracy, protocol = record.accuracy, record.cell.protocol
    if not accuracy:
        return
    counted = sum(map(sum, accuracy.confusion))
    if not counted:
        yield "no pixel was scored"
    info = _info(record)
    if info and info.synthetic and counted != protocol.height * protocol.width * len(accuracy.images):
        whole = f"{len(accuracy.images)} images of {protocol.height}x{protocol.width}"
        yield f"{counted:,} pixels in the matrix, but it is of {whole}"


def _training(record: Record) -> Iterator[str]:
    accuracy = record.accuracy
    if not accuracy or accuracy.iterations is None:
        return
    trained = accuracy.iterations > 0
    if trained != (accuracy.loss_first is not None) or trained != (accuracy.train_seconds > 0):
        yield f"{accuracy.iterations} iterations, losses {accuracy.loss_first}, {accuracy.train_seconds} s"
    if len(accuracy.loss_curve) > min(100, max(accuracy.iterations, 0)):
        yield f"a loss curve of {len(accuracy.loss_curve)} points after {accuracy.iterations} iterations"
    speed = accuracy.steps_per_second
    if speed and trained and not math.isclose(speed * accuracy.train_seconds, accuracy.iterations, rel_tol=1e-3):
        yield f"{speed:.4g} steps per second in {accuracy.train_seconds:.4g} s are not {accuracy.iterations} iterations"


def _info(record: Record) -> DatasetInfo | None:
    known = registry.datasets()
    return known[record.cell.dataset].info if record.cell.dataset in known else None


RULES = (
    Rule("matrix", "the matrix is the sum of those of the images", AGAIN, _matrix),
    Rule("scores", "every score follows from the matrix", AGAIN, _scores),
    Rule("classes", "the classes are the dataset's", AGAIN, _classes),
    Rule("split", "the scored images are those of the split", AGAIN, _split),
    Rule("pixels", "every pixel is counted once", AGAIN, _pixels),
    Rule("training", "iterations, losses and times are of one training", AGAIN, _training),
)
