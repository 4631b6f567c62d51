"""Scores a trained system image by image into one int64 confusion matrix; an interruption loses one image at most."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from benchmark.accuracy.metrics import Metrics, boundary_counts, boundary_iou, confusion, metrics
from benchmark.atomic import append_line, write_atomic
from benchmark.data.ahead import read_ahead
from benchmark.data.base import Dataset, DatasetInfo, Label
from benchmark.errors import UserError
from benchmark.prediction import predicted
from benchmark.system import System
from results.cell import METRIC_VERSION, digest, identity

Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The result of one image: a line of the resume file."""

    image: str
    confusion: list[list[int]]  # [C, C], rows are the ground truth
    boundary: list[list[int]]  # [2, C], intersections and unions
    labels: str  # sha256 of the predicted label map's bytes
    seconds: float
    work: dict[str, int]  # what predict did: passes, points, padded rows


@dataclass(frozen=True, kw_only=True)
class EvaluationOutcome:
    """The result of an evaluation, as ``results.record.Accuracy`` needs it."""

    metrics: Metrics
    boundary_iou: float | None
    confusion: tuple[tuple[int, ...], ...]
    images: tuple[str, ...]
    image_confusions_hash: str  # digest of the confusion matrices by image
    image_confusions: tuple[str, ...]  # the counts of each image, row by row, separated by spaces
    paper_classes: tuple[int, ...]  # the classes whose mean IoU is `miou_paper`
    labels_hash: str  # sha256 over the sha256 of each label map, in the order of the images
    seconds: float  # of all images, including those scored before an interruption
    work: dict[str, tuple[int, ...]]  # by kind, in the order of the images
    weights_hash: str  # see `weights_hash`


def evaluate(
    system: System,
    dataset: Dataset,
    ids: Sequence[str],
    resume_file: Path,
    *,
    device: str = "cpu",
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    scale: float = 1.0,
    progress: Progress = lambda *_: None,
) -> EvaluationOutcome:
    """Score a system on images of a dataset, at the labels' full size.

    Args:
        system: trained; it is moved to ``device`` and set to eval mode.
        dataset: to read from.
        ids: of the images to score.
        resume_file: one JSON line for each image scored. A file of the same evaluation (weights, images, protocol) is
            continued, any other one is replaced.
        device: "cpu" or "cuda".
        precision: anything but fp32 runs ``predict`` under autocast.
        scale: if not 1, the system sees the image reduced (bilinear, not antialiased), and its logits are enlarged to
            the labels' size, as with the official ``--down-test``. If a system's ``predict`` is more than the argmax
            of its logits, the labels are enlarged instead, by the nearest pixel.
        progress: called after each image, from another thread.

    Raises:
        UserError: ``ids`` is empty, or the resume file cannot be written.
        DataError: an image cannot be read.
    """
    if not ids:
        raise UserError(f"--root {dataset.root}: no image to score")
    how: dict[str, Any] = {"device": device, "precision": precision, "scale": scale, "progress": progress}
    return outcome(dataset.info, system, score_images(system, dataset, ids, resume_file, **how))


def score_images(
    system: System,
    dataset: Dataset,
    ids: Sequence[str],
    resume_file: Path,
    *,
    device: str,
    precision: Literal["fp32", "bf16", "fp16"],
    scale: float,
    progress: Progress = lambda *_: None,
) -> list[Scored]:
    """The result of each image, those of an interrupted run included. Arguments and errors are those of `evaluate`."""
    system.to(device).eval()
    header = {
        "metric_version": METRIC_VERSION,
        "dataset": dataset.info.name,
        "weights": weights_hash(system),
        "ids": digest(list(ids)),
        "card": digest(identity(system.card)),
        "device": device,
        "precision": precision,
        "scale": scale,
    }
    scored = _restart(resume_file, header)
    left = ids[len(scored) :]

    def score(image_id: str, label: Label, prediction: Label, seconds: float, work: dict[str, int]) -> None:
        scored.append(_scored(dataset.info, image_id, label, prediction, seconds, work))
        append_line(resume_file, json.dumps(asdict(scored[-1])))
        progress(len(scored), len(ids))

    with ThreadPoolExecutor(1) as scorer:  # scores an image while the next one is predicted
        scoring: Future[None] | None = None
        for image_id, (image, label) in zip(left, read_ahead(dataset, left), strict=True):
            started = time.monotonic()
            prediction = predicted(system, image, device=device, precision=precision, scale=scale)
            seconds = time.monotonic() - started
            if scoring:
                scoring.result()
            scoring = scorer.submit(score, image_id, label, prediction, seconds, dict(system.work))
        if scoring:
            scoring.result()
    return scored


def weights_hash(system: System) -> str:
    """Fingerprint of a system's weights: the first 16 hex digits of a sha256.

    It covers the names and the bytes of all tensors in the state dict, in their order; shapes and dtypes only through
    the bytes. The same weights have the same hash on every device.
    """
    total = hashlib.sha256()
    for name, tensor in system.state_dict().items():
        total.update(name.encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()[:16]


def _scored(
    info: DatasetInfo, image_id: str, label: Label, prediction: Label, seconds: float, work: dict[str, int]
) -> Scored:
    return Scored(
        image=image_id,
        confusion=confusion(label, prediction, len(info.classes)).tolist(),
        boundary=boundary_counts(info, label, prediction).tolist(),
        labels=hashlib.sha256(np.ascontiguousarray(prediction).data).hexdigest(),
        seconds=seconds,
        work=work,
    )


def _restart(path: Path, header: dict[str, Any]) -> list[Scored]:
    """The images that an interrupted run of this evaluation has scored. The file is cut to them, or started."""
    first = json.dumps(header) + "\n"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) if path.exists() else []
    scored: list[Scored] = []
    kept = [first]
    for line in lines[1:] if lines[:1] == [first] else []:
        if not line.endswith("\n"):
            break  # cut short by an interruption
        scored.append(Scored(**json.loads(line)))
        kept.append(line)
    write_atomic(path, "".join(kept).encode())
    return scored


def outcome(info: DatasetInfo, system: System, scored: Sequence[Scored]) -> EvaluationOutcome:
    """The sums over all images, which are exact."""
    counts = np.sum([np.array(one.confusion, np.int64) for one in scored], axis=0)
    boundaries = np.sum([np.array(one.boundary, np.int64) for one in scored], axis=0)
    return EvaluationOutcome(
        metrics=metrics(info, counts),
        boundary_iou=boundary_iou(info, boundaries),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        images=tuple(one.image for one in scored),
        image_confusions_hash=digest({one.image: one.confusion for one in scored}),
        image_confusions=tuple(" ".join(str(count) for row in one.confusion for count in row) for one in scored),
        paper_classes=info.paper_classes,
        labels_hash=hashlib.sha256("".join(one.labels for one in scored).encode()).hexdigest(),
        seconds=sum(one.seconds for one in scored),
        work={
            kind: tuple(one.work.get(kind, 0) for one in scored)
            for kind in dict.fromkeys(kind for one in scored for kind in one.work)
        },
        weights_hash=weights_hash(system),
    )
