"""How long the cells of a plan should take, from the records of earlier cells of the same systems.

Three durations describe a system: one ``predict`` call, one training sample, one scored image. Each is taken from the
record that is most like the cell, and scales with the number of pixels. A system without a record gets the durations
that its FLOPs suggest.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import results
from benchmark import registry
from benchmark.errors import UnknownNameError
from benchmark.run.job import Job
from benchmark.run.profiles import profile
from results.paper.flops import read_flops

COMMITTED = Path(results.__file__).parent / "records"
Quantity = Literal["call", "sample", "image"]
PEAKS = {"cpu": "host_peak_with_weights_mib", "gpu": "peak_allocated_mib"}  # of one call
Device = Literal["cpu", "gpu"]
START_S = 3.0  # a cell's process: imports, building the net, saving
COUNTING = 1.3  # a call whose FLOPs are counted over a plain one
TRAINING = 3.0  # a training sample over a prediction of as many pixels: forward, backward, step
USUAL_FLOPS: Mapping[Device, float] = {"cpu": 1e11, "gpu": 1e13}  # per second, where no record tells
NOT_IN_NAMES = r"[^A-Za-z0-9._+]+"  # of record files
READING = 1e-7  # seconds to read a pixel and its label
SMALLEST = 64 * 64  # pixels: fewer take no less time


@dataclass(frozen=True)
class Seen:
    """A duration from a record."""

    hardware: str
    device: Device
    pixels: int  # of the image
    repeats: int  # that it is the mean of
    seconds: float
    flops: float = 0.0  # per second; 0: not known


class Durations:
    """Durations by system and quantity, from records."""

    def __init__(self, folders: Iterable[Path], systems: Iterable[str]) -> None:
        self.seen: dict[tuple[str, Quantity], list[Seen]] = {}
        self.peaks: dict[tuple[str, Device], list[tuple[int, float]]] = {}  # pixels, MiB
        wanted = [f"-{re.sub(NOT_IN_NAMES, '_', name)}-" for name in systems]
        for folder in dict.fromkeys(folders):
            for file in sorted(folder.glob("*.json")):
                if any(part in file.name for part in wanted):
                    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # not a record of ours
                        self._add(json.loads(file.read_bytes()))

    def _add(self, record: dict[str, Any]) -> None:
        cell, cost, accuracy = record["cell"], record.get("cost"), record.get("accuracy")
        device: Device = "cpu" if cell["device"] == "cpu" else "gpu"
        pixels = cell["protocol"]["height"] * cell["protocol"]["width"]

        def add(quantity: Quantity, repeats: int, seconds: float, flops: float = 0.0) -> None:
            if repeats and seconds > 0:
                place = self.seen.setdefault((cell["system"], quantity), [])
                place.append(Seen(cell.get("hardware", ""), device, pixels, repeats, seconds / repeats, flops))

        if cost:
            samples = next(one for one in cost["samples"] if one["region"] == "predict")
            add("call", 1, samples["median_ms"] / 1000, 1000 * (cost["flops"] or 0) / samples["median_ms"])
            peak_mib = cost["memory"][PEAKS[device]]["mib"]
            if peak_mib:
                self.peaks.setdefault((cell["system"], device), []).append((pixels, peak_mib))
        if accuracy:
            add("image", len(accuracy["images"]), accuracy["evaluate_seconds"])
            add("sample", _samples(cell, accuracy), accuracy["train_seconds"])

    def of(self, quantity: Quantity, job: Job) -> float:
        """Seconds of one call, training sample or scored image of a job's system at the job's size."""
        cell = job.cell
        device: Device = "cpu" if cell.device == "cpu" else "gpu"
        pixels = max(SMALLEST, cell.protocol.height * cell.protocol.width)
        known = self.seen.get((cell.system, quantity), ())

        def likeness(one: Seen) -> tuple[bool, bool, float, int]:
            far = abs(math.log(pixels / max(SMALLEST, one.pixels)))
            return one.hardware == cell.hardware, one.device == device, -round(far, 1), one.repeats

        if known:
            best = max(known, key=likeness)
            return best.seconds * pixels / max(SMALLEST, best.pixels)
        if quantity == "image":
            return self.of("call", job)
        if quantity == "sample":
            crop = math.prod(job.recipe.crop) * job.card.ratio**2
            return TRAINING * self.of("call", job) * min(1.0, crop / pixels)
        return self._by_flops(job, device, pixels)

    def memory_mib(self, job: Job) -> float | None:
        """Peak memory of one prediction of a job's system at its size, from the record of the nearest size."""
        pixels = job.cell.protocol.height * job.cell.protocol.width
        known = self.peaks.get((job.cell.system, "cpu" if job.cell.device == "cpu" else "gpu"))
        if not known:
            return None
        of, peak_mib = min(known, key=lambda one: abs(math.log(pixels / one[0])))
        return peak_mib * pixels / of

    def _by_flops(self, job: Job, device: Device, pixels: int) -> float:
        """Seconds of a call by the system's FLOPs, or the median system's, at the speed of the calls on record."""
        measured = [one for found in self.seen.values() for one in found if one.flops]
        speeds = [one.flops for one in measured if one.device == device] or [one.flops for one in measured]
        per_pixel = {one.system: one.flops / (one.height * one.width) for one in read_flops().entries if one.flops}
        own = per_pixel.get(job.card.name) or per_pixel.get(job.card.base) or statistics.median(per_pixel.values())
        return own * pixels / (statistics.median(speeds) if speeds else USUAL_FLOPS[device])


def _samples(cell: dict[str, Any], accuracy: dict[str, Any]) -> int:
    """Training samples behind a record's training seconds; 0 where it does not tell."""
    with contextlib.suppress(UnknownNameError):
        usual = profile(cell["profile"]).for_card(registry.card(cell["system"])).batch
        batch = (accuracy.get("training") or {}).get("batch") or usual
        return (accuracy.get("iterations") or 0) * (batch or 0)
    return 0


def steps(job: Job, durations: Durations) -> list[dict[str, float]]:
    """Seconds of the steps of each of a job's processes, in their order and under the names that they report."""
    if job.cell.kind == "cost":
        call, of = durations.of("call", job), job.profile
        samples = min(max(of.sample_seconds / call, of.min_samples), of.max_samples) / job.rounds
        round_ = {"start": START_S / 2, "warm-up": min(of.max_warmup * call, of.sample_seconds / 3 / job.rounds)}
        round_["timing"] = max(samples * call - round_["warm-up"], of.min_samples / job.rounds * call)
        last = {**round_, "start": START_S + COUNTING * call, "memory": 2 * call}
        taken = sum(job.round_file(number).exists() for number in range(1, job.rounds))  # by an interrupted run
        return [round_] * (job.rounds - 1 - taken) + [last]
    assert job.split is not None
    scored = len(job.split.scored) * durations.of("image", job)
    if job.card.is_reference:
        reading = READING * job.cell.protocol.height * job.cell.protocol.width
        return [
            {"start": START_S, "count": reading * len(job.split.train), "evaluate": reading * len(job.split.scored)}
        ]
    iterations = job.profile.iterations or job.recipe.iterations
    batch = job.profile.batch or job.recipe.batch
    trained = iterations * batch * durations.of("sample", job) if job.trains else 0.0
    return [{"start": START_S, "train": trained, "evaluate": scored}]


def durations_of(jobs: Sequence[Job], store: Path) -> Durations:
    """The durations of the systems of some jobs, from the committed records and those of a store."""
    return Durations((COMMITTED, store), {job.cell.system for job in jobs})
