"""An accuracy cell: train a system on the split's images, keep its weights, score it on the other images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from benchmark import registry
from benchmark.accuracy.evaluate import EvaluationOutcome, evaluate
from benchmark.accuracy.sharded import evaluate_on
from benchmark.data.base import Dataset
from benchmark.data.reduced import at_ratio
from benchmark.errors import MissingBaseError
from benchmark.machine.device import torch_device
from benchmark.machine.torch_settings import measurement_mode
from benchmark.run.job import Job, Tell
from benchmark.system import System
from benchmark.training.label_counts import label_counts
from benchmark.training.loop import TrainingData
from benchmark.training.settings import TrainSettings, no_progress
from benchmark.training.train import TrainOutcome, run_on_devices, train
from benchmark.weights import imagenet
from benchmark.weights.download import default_folder
from benchmark.weights.files import load_state, load_weights, save_weights
from results.record import Accuracy
from results.training import Training

CHECKPOINT_SECONDS = 10.0
LOADER_PROCESSES = 8  # that decode and crop for a GPU


def measure_accuracy(job: Job, tell: Tell) -> Accuracy:
    """The scores of a job's cell. Each step continues where an earlier process was interrupted.

    Raises:
        NonFiniteError: training diverged.
        UserError: an image or a weights file is bad, or the work folder cannot be written.
    """
    assert job.split is not None
    dataset, system, start = _prepared(job)
    with _mode(job):
        training = None
        if job.card.is_reference:
            start = _count_labels(job, system, dataset, tell)
        elif system.stages:  # a refiner, or a net with another's weights, may have nothing to train
            training = _train(job, system, dataset, tell)
        save_weights(job.weights, system, job.cell.recipe, job.cell.dataset)
        evaluation = _evaluate(job, system.inference_form(), dataset, tell)
    return _accuracy(job, training, evaluation, start)


def join_training(job: Job) -> None:
    """On another node than the one that leads a training and keeps what comes of it: train beside it."""
    assert job.split is not None
    dataset, system, _ = _prepared(job)
    with _mode(job):
        data = TrainingData(job.recipe, dataset, job.split.train, _settings(job), no_progress)
        run_on_devices(data, system, _rebuild(job))


def _prepared(job: Job) -> tuple[Dataset, System, str]:
    """The dataset, the system with its first weights, and where these come from."""
    dataset = at_ratio(registry.dataset(job.cell.dataset, job.root)(job.root), job.cell.image_ratio)
    torch.manual_seed(job.cell.seed)
    system = registry.build(job.card, job.num_classes)
    start = imagenet.initialise(system, job.cell.imagenet, default_folder())
    if job.base_weights:
        start = start_from_base(system, job.base_weights)
    return dataset, system, start


def _mode(job: Job) -> AbstractContextManager[None]:
    """Training and evaluation apply autocast themselves."""
    return measurement_mode(job.cell.protocol.model_copy(update={"precision": "fp32"}), torch_device(job.cell.device))


def _evaluate(job: Job, system: System, dataset: Dataset, tell: Tell) -> EvaluationOutcome:
    assert job.split is not None
    protocol, ids, resume_file = job.cell.protocol, job.split.scored, job.work / "scored.jsonl"
    how: dict[str, Any] = {
        "device": torch_device(job.cell.device),
        "progress": lambda done, total: tell("evaluate", done, total, ""),
    }
    here = job.devices // job.nodes
    if here > 1 and not job.card.is_reference:
        return evaluate_on(here, system, _rebuild(job), dataset, ids, resume_file, protocol=protocol, **how)
    how |= {"precision": protocol.precision, "scale": protocol.evaluated_scale}
    return evaluate(system, dataset, ids, resume_file, **how)


def _count_labels(job: Job, system: System, dataset: Dataset, tell: Tell) -> str:
    """Give a reference system the counts of the training labels; says so for the record."""
    assert job.split is not None
    counts = label_counts(dataset, job.split.train, job.num_classes, lambda done, total: tell("count", done, total, ""))
    system.learn_label_counts(counts)
    return "counted: the pixels of each class in the training labels"


def _train(job: Job, system: System, dataset: Dataset, tell: Tell) -> TrainOutcome:
    assert job.split is not None
    # no closure, which could not be sent to the processes of several devices
    told = partial(_tell_losses, tell)
    return train(system, job.recipe, dataset, job.split.train, _settings(job), told, _rebuild(job))


def _rebuild(job: Job) -> Callable[[], System]:
    """Makes the job's system in another process."""
    return partial(registry.build, job.card, job.num_classes)


def _tell_losses(tell: Tell, done: int, total: int, losses: dict[str, float]) -> None:
    tell("train", done, total, f"loss {sum(losses.values()):.3f}")


def start_from_base(system: System, weights: Path) -> str:
    """Give a refiner the trained weights of its base, or a net those of its equal; says so for the record.

    A refiner keeps the training stages of its own, a net none.

    Raises:
        MissingBaseError: there are no trained weights.
    """
    if not weights.exists():
        raise MissingBaseError(
            f"'{system.card.name}' starts from trained weights that are missing: there is no {weights}"
        )
    if not system.card.base:
        system.load_state_dict(load_state(weights))
        system.stages = ()
        return f"shared: {weights.name}"
    load_weights(weights, cast("System", system.base))
    system.stages = cast("tuple[str, ...]", system.own_stages)
    return f"base: {weights.name}"


def _settings(job: Job) -> TrainSettings:
    on_gpu = torch_device(job.cell.device) == "cuda"
    return TrainSettings(
        iterations=job.profile.iterations or job.recipe.iterations,
        batch=job.profile.batch or job.recipe.batch,
        seed=job.cell.seed,
        checkpoint=job.checkpoint,
        device="cuda" if on_gpu else "cpu",
        devices=job.devices,
        nodes=job.nodes,
        meeting=job.meeting,
        precision=job.cell.protocol.precision,
        workers=LOADER_PROCESSES if on_gpu else 0,
        checkpoint_every_seconds=CHECKPOINT_SECONDS,
    )


def _executed(job: Job) -> Training:
    """The settings of a training, for its record."""
    recipe, settings = job.recipe, _settings(job)
    classes = registry.dataset(job.cell.dataset, job.root).info.classes
    height, width = (max(1, round(side * job.card.ratio)) for side in recipe.crop)
    total = sum(recipe.class_weights)
    return Training(
        batch=settings.batch,
        crop=(height, width),
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        rotate=recipe.rotate,
        photometric=recipe.photometric,
        max_class_share=recipe.max_class_share,
        crop_classes=tuple(classes[index] for index in recipe.crop_classes),
        class_weights=tuple((classes[index], each / total) for index, each in enumerate(recipe.class_weights)),
        settle_batches=recipe.settle_batches,
    )


def _accuracy(job: Job, training: TrainOutcome | None, evaluation: EvaluationOutcome, start: str) -> Accuracy:
    assert job.split is not None
    iterations = _settings(job).iterations if training else 0
    scores = evaluation.metrics
    return Accuracy(
        miou_paper=scores.miou_paper,
        miou_dataset=scores.miou_dataset,
        conventions=scores.conventions,
        iou=scores.iou,
        boundary_iou=evaluation.boundary_iou,
        confusion=evaluation.confusion,
        images=evaluation.images,
        image_confusions_hash=evaluation.image_confusions_hash,
        image_confusions=evaluation.image_confusions,
        paper_classes=evaluation.paper_classes,
        train_images=len(job.split.train),
        iterations=iterations,
        training=_executed(job) if training else None,
        work=evaluation.work,
        labels_hash=evaluation.labels_hash,
        loss_first=training.loss_first if training else None,
        loss_last=training.loss_last if training else None,
        loss_curve=training.loss_curve if training else (),
        train_seconds=training.seconds if training else 0.0,
        steps_per_second=iterations / training.seconds if training and training.seconds else None,
        evaluate_seconds=evaluation.seconds,
        weights=start,
        weights_hash=evaluation.weights_hash,
        checkpoint_selection="last iteration" if training else None,
    )
