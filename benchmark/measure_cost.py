"""A cost cell: what a system costs on a fixed image, with no training and no labels."""

from __future__ import annotations

import torch

from benchmark import registry
from benchmark.cost import measure
from benchmark.data.synthetic import World, scene
from benchmark.device import torch_device
from benchmark.plan import Job, Tell
from benchmark.profiles import budget_of
from benchmark.speed import SpeedSettings
from results.record import Cost


def measure_cost(job: Job, progress: Tell) -> Cost:
    """Figures of a job's cell on the first image of the default synthetic world at the protocol's size.

    Raises:
        ResourceExhaustedError: the image does not fit.
        ProtocolError: the protocol cannot be kept here.
        LabelsError: the system breaks its contract.
        TimingError: the clock gave nonsense.
    """
    protocol, budget = job.cell.protocol, budget_of(job.cell.profile, job.card)
    torch.manual_seed(job.cell.seed)
    system = registry.build(job.card, job.num_classes)
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

    return measure(system, image, protocol, settings, torch_device(job.cell.device), progress=told)
