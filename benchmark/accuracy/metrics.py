"""Accuracy as pure functions of an int64 confusion matrix ``[C, C]``: rows are the truth, columns the prediction.

Counts are int64 throughout: a float32 count stops at 2**24, which one class of a 5000x5000 map exceeds. Scores are of
the entire dataset, never means of per-image scores, and in percent. A class absent from truth and prediction has no IoU
(None) and is left out of a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.data.base import IGNORE, DatasetInfo, Label

Counts = NDArray[np.int64]
CHUNK = 2**22  # pixels counted at a time: OpenCV counts in float32, which is exact up to 2**24
BOUNDARY_SHARE = 0.02  # width of the boundary region over the image's diagonal (Cheng et al., CVPR 2021)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Scores of one confusion matrix, in percent; fields as in ``results.record.Accuracy``."""

    miou_paper: float | None
    miou_dataset: float | None
    conventions: dict[str, float | None]
    iou: dict[str, float | None]


def confusion(label: Label, prediction: Label, num_classes: int) -> Counts:
    """Exact pixel counts int64 ``[C, C]`` of one label map; pixels whose label is 255 are not counted.

    Args:
        label: ground truth uint8 ``[H, W]``, class indices and 255.
        prediction: uint8 ``[H, W]``, class indices.
        num_classes: C.

    Raises:
        ValueError: the shapes differ, or a value is no class.
    """
    if label.shape != prediction.shape:
        raise ValueError(f"label {label.shape} and prediction {prediction.shape} differ in shape")
    if prediction.size and int(prediction.max()) >= num_classes:
        raise ValueError(f"prediction holds {int(prediction.max())}, but there are {num_classes} classes")
    counts = np.zeros((256, num_classes), np.int64)
    bins, ranges = [256, num_classes], [0, 256, 0, num_classes]
    truth, predicted = (np.ascontiguousarray(part).reshape(-1, 1) for part in (label, prediction))
    for start in range(0, len(truth), CHUNK):
        parts = [part[start : start + CHUNK] for part in (truth, predicted)]
        counts += cv2.calcHist(parts, [0, 1], None, bins, ranges).astype(np.int64)
    strange = np.flatnonzero(counts[num_classes:IGNORE].any(axis=1))
    if strange.size:
        raise ValueError(f"label holds {num_classes + int(strange[0])}, but there are {num_classes} classes")
    return counts[:num_classes]


def ious(counts: Counts) -> list[float | None]:
    """IoU of each class in percent: hits / (truth + prediction - hits).

    Args:
        counts: confusion matrix ``[C, C]``, summed over all images.

    Returns:
        C values; None where a class occurs neither in the truth nor in the prediction.
    """
    hits = np.diagonal(counts)
    unions = counts.sum(axis=0) + counts.sum(axis=1) - hits
    return _percent(hits, unions)


def mean_iou(counts: Counts, classes: Sequence[int]) -> float | None:
    """Mean IoU in percent over those of ``classes`` that occur; None if none does.

    A class that is predicted but absent from the truth occurs: its IoU is 0. The other classes of the matrix still
    count, as errors of those that are averaged.
    """
    scores = ious(counts)
    return _mean([scores[index] for index in classes])


def merged_iou(counts: Counts, classes: Sequence[int]) -> float | None:
    """IoU in percent of several classes taken as one: confusing them with each other is no error.

    Args:
        counts: confusion matrix ``[C, C]``.
        classes: indices of the classes, such as artery and vein for "vessel".

    Returns:
        None if none of them occurs in the truth or in the prediction.
    """
    rows, columns = counts[list(classes)], counts[:, list(classes)]
    hits = int(rows[:, list(classes)].sum())
    union = int(rows.sum()) + int(columns.sum()) - hits
    return 100.0 * hits / union if union else None


def metrics(info: DatasetInfo, counts: Counts) -> Metrics:
    """Every named score of a dataset's confusion matrix.

    ``miou_paper`` is the score in the paper's column: the mean over ``info.paper_classes``. Pixels labelled unknown
    count there as false positives of the class predicted for them, as in the official code. ``miou_dataset`` is the
    mean over all classes but unknown, without the pixels labelled unknown. ``iou_<class>`` counts them like
    ``miou_paper``. ``conventions`` holds what else a dataset names: the three readings of mIoU in the literature if it
    has an unknown class, and the IoU of each of ``info.merged_classes``.
    """
    names = (f"iou_{name.replace(' ', '_')}" for name in info.classes)
    evaluated = [index for index in range(len(info.classes)) if index != info.unknown_class]
    dropped = without_truth(counts, info.unknown_class)
    conventions: dict[str, float | None] = {}
    if info.unknown_class is not None:
        conventions = {
            "miou_unknown_counted": mean_iou(counts, evaluated),
            "miou_unknown_dropped": mean_iou(dropped, evaluated),
            "miou_unknown_as_class": mean_iou(counts, range(len(info.classes))),
        }
    conventions |= {f"iou_{name}": merged_iou(counts, classes) for name, classes in info.merged_classes.items()}
    return Metrics(
        miou_paper=mean_iou(counts, info.paper_classes),
        miou_dataset=mean_iou(dropped, evaluated),
        conventions=conventions,
        iou=dict(zip(names, ious(counts), strict=True)),
    )


def without_truth(counts: Counts, unknown_class: int | None) -> Counts:
    """A copy of the matrix without the pixels labelled ``unknown_class``: its row is zero.

    Pixels of other classes that are predicted as unknown stay, in its column: they are errors. With None, nothing is
    dropped.
    """
    kept: Counts = counts.copy()
    if unknown_class is not None:
        kept[unknown_class] = 0
    return kept


def boundary_counts(info: DatasetInfo, label: Label, prediction: Label) -> Counts:
    """Pixels int64 ``[2, C]`` of one label map: intersection and union of each class's boundary regions.

    The boundary region of a class is the part of its mask that an erosion by the boundary's width removes; beyond the
    image lies another class (Cheng et al. 2021). Where the label is 255 or unknown, neither map has a class.
    """
    known = (label != IGNORE) if info.unknown_class is None else (label != IGNORE) & (label != info.unknown_class)
    truth, predicted = (np.where(known, image, np.uint8(IGNORE)) for image in (label, prediction))
    width = max(1, round(BOUNDARY_SHARE * float(np.hypot(*label.shape))))
    in_truth, in_prediction = (_boundary(image, width) & known for image in (truth, predicted))
    overlap = truth[in_truth & in_prediction & (truth == predicted)]
    intersection, *areas = (
        np.bincount(pixels, minlength=len(info.classes))
        for pixels in (overlap, truth[in_truth], predicted[in_prediction])
    )
    return np.stack([intersection, areas[0] + areas[1] - intersection]).astype(np.int64)


def boundary_iou(info: DatasetInfo, counts: Counts) -> float | None:
    """Mean boundary IoU in percent over all classes but unknown (Cheng et al., CVPR 2021).

    Args:
        info: facts of the dataset.
        counts: ``[2, C]``, the sum of :func:`boundary_counts` over all images.

    Returns:
        The mean over the classes that have a boundary in the truth or in the prediction; None if there are none.
    """
    scores = _percent(counts[0], counts[1])
    return _mean([score for index, score in enumerate(scores) if index != info.unknown_class])


def _boundary(label: Label, width: int) -> NDArray[np.bool_]:
    # a window of one class only has equal minimum and maximum: two filters serve all classes at once
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    low = cv2.erode(label, square, borderType=cv2.BORDER_CONSTANT, borderValue=IGNORE)
    high = cv2.dilate(label, square, borderType=cv2.BORDER_CONSTANT, borderValue=IGNORE)
    return np.asarray(low != high)


def _percent(parts: Counts, wholes: Counts) -> list[float | None]:
    return [100.0 * int(part) / int(whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]


def _mean(scores: Sequence[float | None]) -> float | None:
    present = [score for score in scores if score is not None]
    return sum(present) / len(present) if present else None
