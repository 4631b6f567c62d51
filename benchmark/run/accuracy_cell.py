"""An accuracy cell: train a system on the split's images, keep its weights, score it on the others."""

from __future__ import annotations

import torch

from benchmark import registry
from benchmark.accuracy.evaluate import EvaluationOutcome, evaluate
from benchmark.card import Recipe
from benchmark.machine.device import torch_device
from benchmark.machine.torch_settings import measurement_mode
from benchmark.run.job import Job, Tell
from benchmark.run.plan import recipe_of
from benchmark.run.profiles import budget_of
from benchmark.training.settings import TrainSettings
from benchmark.training.train import TrainOutcome, train
from benchmark.weights import imagenet as weights
from benchmark.weights.files import save_weights
from results.record import Accuracy

CHECKPOINT_SECONDS = 10.0
LOADERS = 8  # processes that decode and cut for a GPU


def measure_accuracy(job: Job, progress: Tell) -> Accuracy:
    """Figures of a job's cell; each step goes on where an earlier process was interrupted.

    Raises:
        NonFiniteError: training diverged.
        UserError: an image or a weights file is bad, or the work folder cannot be written.
    """
    assert job.split is not None
    protocol, device = job.cell.protocol, torch_device(job.cell.device)
    dataset = registry.dataset(job.cell.dataset)(job.root)
    torch.manual_seed(job.cell.seed)
    system = registry.build(job.card, job.num_classes)
    start = weights.initialise(system, job.cell.imagenet, weights.default_folder())
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
    return _figures(job.split.train, _settings(job, recipe).iterations, training, evaluation, start)


def _settings(job: Job, recipe: Recipe) -> TrainSettings:
    budget, device = budget_of(job.cell.profile, job.card), torch_device(job.cell.device)
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


def _figures(
    ids: tuple[str, ...], iterations: int, training: TrainOutcome, evaluation: EvaluationOutcome, start: str
) -> Accuracy:
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
        train_images=len(ids),
        iterations=iterations,
        work=evaluation.work,
        labels_hash=evaluation.labels_hash,
        loss_first=training.loss_first,
        loss_last=training.loss_last,
        loss_curve=training.loss_curve,
        train_seconds=training.seconds,
        evaluate_seconds=evaluation.seconds,
        weights=start,
    )
