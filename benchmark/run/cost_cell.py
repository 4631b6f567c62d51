"""A cost cell: what a system costs on a fixed image, with no training and no labels. Its samples come in rounds."""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmark import registry
from benchmark.atomic import write_atomic
from benchmark.cost.latency import SpeedSettings
from benchmark.cost.measure import Round, measure, sample
from benchmark.cost.memory.minimum import smallest_budget
from benchmark.cost.timed_system import Image
from benchmark.data.synthetic import World, scene
from benchmark.machine.device import torch_device
from benchmark.run.job import Job, Tell
from benchmark.run.profiles import budget_of
from benchmark.system import IMAGENET_MEAN, IMAGENET_STD, System
from results.cell import Model, Protocol
from results.record import Cost


class Kept(Model):
    """What a round leaves for the last one."""

    round: Round
    wall_seconds: float


def measure_cost(job: Job, progress: Tell) -> Cost | None:
    """Figures of a job's cell; None, and a file for the last round, before that.

    Raises:
        ResourceExhaustedError: the image does not fit.
        ProtocolError: the protocol cannot be kept here.
        LabelsError: the system breaks its contract.
        TimingError: the clock gave nonsense.
    """

    def told(step: str, done: int, total: int) -> None:
        progress(step, done, total, f"round {job.round} of {job.rounds}" if job.rounds > 1 else "")

    started, protocol, device = time.time(), job.cell.protocol, torch_device(job.cell.device)
    if job.round < job.rounds:
        taken = sample(*_inputs(job), protocol, _settings(job), device, seed=job.round, progress=told)
        kept = Kept(round=taken, wall_seconds=time.time() - started)
        write_atomic(job.round_file(job.round), kept.model_dump_json().encode())
        return None
    found = {}
    if job.cell.smallest_budget:  # first: its processes are forked from this one, which has started no thread yet
        found["smallest_budget_mb"] = smallest_budget(lambda: _inputs(job), protocol, device, told)
    rounds = [kept.round for kept in earlier(job)]
    return measure(*_inputs(job), protocol, _settings(job), device, earlier=rounds, progress=told).model_copy(
        update=found
    )


def earlier(job: Job) -> list[Kept]:
    """What the rounds before the last have left."""
    files = map(job.round_file, range(1, job.rounds))
    return [Kept.model_validate_json(file.read_bytes()) for file in files if file.exists()]


def _settings(job: Job) -> SpeedSettings:
    budget = budget_of(job.cell.profile, job.card)
    return SpeedSettings(
        min_samples=budget.min_samples,
        max_samples=budget.max_samples,
        seconds_budget=budget.sample_seconds,
        max_warmup=budget.max_warmup,
        processes=budget.rounds,
    )


def _inputs(job: Job) -> tuple[System, Image]:
    """The system with the cell's random weights, and the image."""
    torch.manual_seed(job.cell.seed)
    return registry.build(job.card, job.num_classes), image_of(job.cell.protocol)


def image_of(protocol: Protocol) -> Image:
    """What a protocol times: the first image of the default synthetic world, or noise; uint8 ``[H, W, 3]``."""
    size = (protocol.height, protocol.width)
    if protocol.input != "noise":
        return scene(World(), 0, size).image
    normal = np.random.default_rng(0).standard_normal((*size, 3), dtype=np.float32)
    mean, deviation = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
    pixels = mean + deviation * normal  # Gaussian once it is normalised, but for the tails that uint8 cannot hold
    noise: Image = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    return noise
