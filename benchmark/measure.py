"""From a job to its record: build the system, then train and score it, or measure its cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

import torch

from benchmark import registry, weights
from benchmark.card import Card, Recipe
from benchmark.checkpoints import save_weights
from benchmark.cost import measure as measure_cost
from benchmark.data.synthetic import World, scene
from benchmark.device import torch_device
from benchmark.environment import environment, provenance
from benchmark.evaluation import EvaluationOutcome, evaluate
from benchmark.measurement_mode import measurement_mode
from benchmark.out_of_memory import is_out_of_memory
from benchmark.plan import Job, recipe_of
from benchmark.profiles import profile
from benchmark.speed import SpeedSettings
from benchmark.training import TrainOutcome, TrainSettings, train
from benchmark.training_step import NonFiniteError
from results.record import Accuracy, Cost, Record, Status

CHECKPOINT_SECONDS = 30.0
LOADERS = 8  # processes that decode and cut for a GPU
Progress = Callable[[str, int, int, str], None]  # step, done, total, note


class Outcome(TypedDict, total=False):
    """The fields of a record that the measurement fills."""

    status: Status
    reason: str
    accuracy: Accuracy
    cost: Cost


def measure(job: Job, progress: Progress) -> Record:
    """The record of a job: its figures, or ``oom`` or ``failed`` with the reason.

    Raises:
        UserError: bad input, which is no outcome of the cell.
    """
    started = time.time()
    resumed = job.checkpoint.exists()
    return Record(
        key=job.cell.key,
        cell=job.cell,
        protocol_hash=job.cell.protocol.hash,
        **_outcome(job, progress),
        environment=environment(job.cell.device),
        provenance=provenance(job.command, {"cell": job.cell.seed}, started, resumed=resumed),
    )


def _outcome(job: Job, progress: Progress) -> Outcome:
    try:
        if job.cell.kind == "accuracy":
            return {"status": "ok", "accuracy": _accuracy(job, progress)}
        return {"status": "ok", "cost": _cost(job, progress)}
    except NonFiniteError as error:
        return {"status": "failed", "reason": str(error)}
    except Exception as error:
        if not is_out_of_memory(error):
            raise  # bad input for the user, or a traceback that the runner puts on record
        return {"status": "oom", "reason": str(error).splitlines()[0]}


def _cost(job: Job, progress: Progress) -> Cost:
    """Cost on a fixed image: the first of the default synthetic world at the protocol's size."""
    protocol, budget = job.cell.protocol, profile(job.cell.profile)
    torch.manual_seed(job.cell.seed)
    system = registry.build(_card(job), job.num_classes)
    progress("image", 0, 1, "")
    image = scene(World(), 0, (protocol.height, protocol.width)).image
    settings = SpeedSettings(
        min_samples=budget.min_samples,
        max_samples=budget.max_samples,
        seconds_budget=budget.sample_seconds,
        max_warmup=budget.max_warmup,
    )

    def told(step: str, done: int, total: int) -> None:
        progress(step, done, total, "")

    return measure_cost(system, image, protocol, settings, torch_device(job.cell.device), told)


def _accuracy(job: Job, progress: Progress) -> Accuracy:
    """Train on the split's ids, keep the weights, score the others; every step goes on where it was interrupted."""
    assert job.split is not None
    protocol, device = job.cell.protocol, torch_device(job.cell.device)
    dataset = registry.dataset(job.cell.dataset)(job.root)
    torch.manual_seed(job.cell.seed)
    system = registry.build(_card(job), job.num_classes)
    start = weights.initialise(system, profile(job.cell.profile).imagenet, weights.default_folder())
    recipe_name, recipe = recipe_of(system.card, job.cell.recipe)
    recipe = recipe.on(job.recipe_dataset)

    def trained(done: int, total: int, losses: dict[str, float]) -> None:
        progress("train", done, total, f"loss {sum(losses.values()):.3f}")

    def scored(done: int, total: int) -> None:
        progress("evaluate", done, total, "")

    own_precision = protocol.model_copy(update={"precision": "fp32"})  # the two steps below see to autocast themselves
    with measurement_mode(own_precision, device):
        training = train(system, recipe, dataset, job.split.train, _settings(job, recipe), trained)
        save_weights(job.weights, system, recipe_name, job.cell.dataset)
        evaluation = evaluate(
            system.inference_form(),
            dataset,
            job.split.scored,
            job.work / "scored.jsonl",
            device=device,
            precision=protocol.precision,
            scale=protocol.evaluated_scale,
            progress=scored,
        )
    return _figures(job.split.train, training, evaluation, start)


def _card(job: Job) -> Card:
    return registry.card(job.cell.system).at(job.ratio)


def _settings(job: Job, recipe: Recipe) -> TrainSettings:
    budget, device = profile(job.cell.profile), torch_device(job.cell.device)
    return TrainSettings(
        iterations=budget.iterations or recipe.iterations,
        batch=budget.batch or recipe.batch,
        seed=job.cell.seed,
        checkpoint=job.checkpoint,
        device="cuda" if device == "cuda" else "cpu",
        devices=job.devices,
        precision=job.cell.protocol.precision,
        workers=LOADERS if device == "cuda" else 0,
        checkpoint_every_seconds=CHECKPOINT_SECONDS,
    )


def _figures(ids: tuple[str, ...], training: TrainOutcome, evaluation: EvaluationOutcome, start: str) -> Accuracy:
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
        train_images=len(ids),
        labels_hash=evaluation.labels_hash,
        loss_first=training.loss_first,
        loss_last=training.loss_last,
        train_seconds=training.seconds,
        evaluate_seconds=evaluation.seconds,
        weights=start,
    )
