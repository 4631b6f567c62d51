"""A cost cell: latency, memory and FLOPs of a system on a fixed image. Its samples are taken in rounds.

Each round is a process of its own. Every round but the last leaves its samples in a file; the last one reads them and
makes the record.
"""

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
from benchmark.system import IMAGENET_MEAN, IMAGENET_STD, System
from results.cell import Model, Protocol
from results.record import Cost


class Kept(Model):
    """What a round leaves for the last round."""

    round: Round
    wall_seconds: float


def measure_cost(job: Job, progress: Tell) -> Cost | None:
    """The cost of a job's cell. None in a round before the last, whose samples go to a file.

    Raises:
        ResourceExhaustedError: the image does not fit.
        ProtocolError: this machine cannot keep the protocol.
        LabelsError: the system breaks its contract.
        TimingError: the clock gave an impossible value.
    """

    def told(step: str, done: int, total: int) -> None:
        progress(step, done, total, f"round {job.round} of {job.rounds}" if job.rounds > 1 else "")

    started, protocol, device = time.monotonic(), job.cell.protocol, torch_device(job.cell.device)
    if job.round < job.rounds:
        before = [kept.round for kept in earlier(job)]
        taken = sample(*inputs(job), protocol, _settings(job), device, seed=job.round, earlier=before, progress=told)
        kept = Kept(round=taken, wall_seconds=time.monotonic() - started)
        write_atomic(job.round_file(job.round), kept.model_dump_json().encode())
        return None
    found = {}
    if job.cell.smallest_budget:  # first: its processes are forked from this one, which has started no thread yet
        found["smallest_budget_mib"] = smallest_budget(lambda: inputs(job), protocol, device, told)
    rounds = [kept.round for kept in earlier(job)]
    return measure(*inputs(job), protocol, _settings(job), device, earlier=rounds, progress=told).model_copy(
        update=found
    )


def earlier(job: Job) -> list[Kept]:
    """The samples that the rounds before the last have left."""
    files = map(job.round_file, range(1, job.rounds))
    return [Kept.model_validate_json(file.read_bytes()) for file in files if file.exists()]


def _settings(job: Job) -> SpeedSettings:
    profile = job.profile
    return SpeedSettings(
        min_samples=profile.min_samples,
        max_samples=profile.max_samples,
        seconds_budget=profile.sample_seconds,
        max_warmup=profile.max_warmup,
        processes=profile.rounds,
    )


def inputs(job: Job) -> tuple[System, Image]:
    """The system with random weights from the cell's seed, and the image, uint8 ``[H, W, 3]``."""
    torch.manual_seed(job.cell.seed)
    return registry.build(job.card, job.num_classes), image_of(job.cell.protocol)


def image_of(protocol: Protocol) -> Image:
    """What a protocol times: the first image of the default synthetic dataset, or noise; uint8 ``[H, W, 3]``."""
    size = (protocol.height, protocol.width)
    if protocol.input != "noise":
        return scene(World(), 0, size).image
    normal = np.random.default_rng(0).standard_normal((*size, 3), dtype=np.float32)
    mean, deviation = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
    pixels = mean + deviation * normal  # Gaussian once it is normalised, but for the tails that uint8 cannot hold
    noise: Image = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    return noise
