"""The record: the immutable outcome of one cell, as typed JSON. Old versions stay readable.

Every number in a report comes from a record. A record says how it was made (cell, protocol, raw samples, environment,
provenance), or why there is no number. Sizes are in MiB (2^20 bytes), times in milliseconds or seconds.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from results.cell import Cell, Model, Region
from results.training import Training
from results.upgrade import upgraded
from results.values import Amount, Count, Milliseconds, Moment, Natural, Percent, Positive

SCHEMA_VERSION = 2

Status = Literal["ok", "oom", "failed", "unavailable"]
OLDER = "the record is older than this measurement"
COUNTS = re.compile(r"\d{1,18}(?: \d{1,18})*", re.ASCII)  # of one image's matrix


class LatencySamples(Model):
    """Raw latencies of one timed region, in the order measured, and their statistics."""

    region: Region
    latencies_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    median_ms: Milliseconds
    median_low_ms: Milliseconds  # 95 % interval of the median; reports compute it again from the latencies
    median_high_ms: Milliseconds
    p90_ms: Milliseconds
    p99_ms: Milliseconds
    warmup_samples: Count  # of all rounds
    steady: bool  # whether these samples pass the drift test
    rounds: tuple[Natural, ...] = ()  # samples of each round; a round is one process, other systems ran between rounds
    throttled: tuple[Count, ...] | None = None  # indices of samples taken while the GPU was throttled; None: unknown

    @model_validator(mode="after")
    def _of_these_samples(self) -> LatencySamples:
        taken = len(self.latencies_ms)
        if self.rounds and sum(self.rounds) != taken:
            raise ValueError(f"rounds have {sum(self.rounds)} samples, latencies_ms {taken}")
        if any(index >= taken for index in self.throttled or ()):
            raise ValueError("throttled names a sample that does not exist")
        return self


class MemoryReading(Model):
    """One memory value in MiB, or the reason why there is none."""

    mib: Amount | None = None
    reason: str = ""  # why there is no value
    method: str = ""  # how it was measured, where there is more than one way


class Memory(Model):
    """Memory of one predict call: five values of a GPU, three of the host."""

    peak_allocated_mib: MemoryReading  # by torch's allocator on the GPU, weights included
    peak_reserved_mib: MemoryReading  # what that allocator took from the driver for it
    process_nvml_mib: MemoryReading  # this process on the GPU, CUDA context included, by NVML
    device_gpustat_mib: MemoryReading  # all processes on the GPU, as gpustat prints it
    cuda_context_mib: MemoryReading  # what an idle process with a CUDA context takes on the GPU
    host_peak_over_idle_mib: MemoryReading  # growth of the resident set during the call; on a CPU without the weights
    weights_mib: MemoryReading  # parameters and buffers of the system in its inference form
    host_peak_with_weights_mib: MemoryReading  # on a CPU, the sum of the two above: the value in the tables


class Spread(Model):
    """The range of a value that was read many times."""

    low: float
    median: float
    high: float


class Telemetry(Model):
    """State of the GPU during the timing, read by NVML. A field without a reading is None, and ``reason`` says why."""

    readings: Count = 0
    sm_clock_mhz: Spread | None = None
    power_w: Spread | None = None
    temperature_c: Spread | None = None
    throttle_reasons: tuple[str, ...] | None = None  # every reason that was read at least once
    reason: str = ""


class Ceilings(Model):
    """What the device reached in the same process: the two lines of a roofline (Williams et al. 2009)."""

    matmul_tflops: Positive  # of one large matrix product in the protocol's precision
    copy_gb_s: Positive  # bytes read plus bytes written by a large copy, in 10^9 per second


class Cost(Model):
    """What can be measured without training and without labels."""

    parameters: Count  # in the inference form
    trained_parameters: Count  # with the modules that only training uses
    flops: Count | None  # of one predict call, 2 x multiply-accumulate
    flops_reason: str = ""
    samples: tuple[LatencySamples, ...] = Field(min_length=1)
    regions_absent: dict[str, str] = Field(default_factory=dict)  # regions that could not be timed: the reason of each
    memory: Memory
    labels_hash: str  # sha256 of the labels that the timed call returned
    scored_labels_hash: str = ""  # sha256 of the labels that the scoring call returned for that image; "": not compared
    tells_images_apart: bool | None = (
        None  # whether another image had other labels; False: it had the same ones, computed anew
    )
    work: dict[str, Count] = Field(default_factory=dict)  # what the call did: passes, points, padded rows
    parts_ms: dict[str, Amount] = Field(
        default_factory=dict
    )  # one scoring call by the system's named parts, and "rest"
    bytes_moved: Count | None = None  # of one predict call: every operator's operands, read and written once each
    bytes_reason: str = OLDER  # why bytes_moved is None
    convolution_shapes: Count | None = None  # the most input shapes that one convolution met in a predict call
    ceilings: Ceilings | None = None
    telemetry: Telemetry = Telemetry(reason=OLDER)
    smallest_budget_mib: MemoryReading = MemoryReading(reason="not searched for; measure with --smallest-budget")
    form: str = ""  # that an optimized protocol has found to be the fastest: "channels-last, compiled"
    labels_kept: Percent = 100.0  # of the pixels, by that form or by the protocol's engine
    turns_ms: tuple[
        tuple[Milliseconds, Milliseconds], ...
    ] = ()  # calls of the system as it is and in that form, in turns

    @property
    def headline(self) -> LatencySamples | None:
        """The samples behind the tables' FPS: `full_logits` where it was timed, as the official script does."""
        by_region = {samples.region: samples for samples in self.samples}
        return by_region.get("full_logits") or by_region.get("predict")

    @property
    def fps(self) -> float | None:
        """1 / median latency of the headline region, the value in the tables."""
        return 1000.0 / self.headline.median_ms if self.headline else None

    @property
    def joules_per_image(self) -> float | None:
        """Median power of the GPU while sampling x median latency of the headline region; None without a reading."""
        if self.headline is None or self.telemetry.power_w is None:
            return None
        return self.telemetry.power_w.median * self.headline.median_ms / 1000

    @property
    def attainable_tflops(self) -> float | None:
        """What the roofline allows a call of this arithmetic intensity (FLOPs per byte)."""
        if self.ceilings is None or not self.flops or not self.bytes_moved:
            return None
        by_memory = self.ceilings.copy_gb_s / 1000 * self.flops / self.bytes_moved
        return min(self.ceilings.matmul_tflops, by_memory)

    @property
    def roofline_fraction(self) -> float | None:
        """Achieved over attainable FLOP/s of `predict`; above 1 where caches or fast convolutions save work."""
        predict = next((samples for samples in self.samples if samples.region == "predict"), None)
        if self.attainable_tflops is None or predict is None or self.flops is None:
            return None
        return self.flops / (predict.median_ms * 1e9) / self.attainable_tflops


class Accuracy(Model):
    """Scores from one confusion matrix (rows: ground truth, columns: prediction), and how the system was trained.

    Fields that may be None were not recorded in the first records of version 1.
    """

    miou_paper: Percent | None  # what the paper's column means for this dataset, in percent
    miou_dataset: Percent | None  # all evaluated classes, pixels of unknown ground truth left out, in percent
    conventions: dict[str, Percent | None] = Field(default_factory=dict)  # the dataset's named definitions of "mIoU"
    iou: dict[str, Percent | None]  # "iou_<class>"; None where the class is absent from truth and prediction
    boundary_iou: Percent | None
    confusion: tuple[tuple[Count, ...], ...] = Field(min_length=1)
    images: tuple[str, ...] = Field(min_length=1)  # ids of the scored images
    image_confusions_hash: str = ""
    image_confusions: tuple[str, ...] = ()  # counts of each image's matrix, row by row
    paper_classes: tuple[Count, ...] = ()  # the classes that `miou_paper` averages
    train_images: Count
    iterations: Count | None = None  # of training
    work: dict[str, tuple[Count, ...]] = Field(default_factory=dict)  # passes, points, padded rows of each image
    labels_hash: str
    training: Training | None = None  # None: nothing was trained, or the record is older
    loss_first: float | None  # sum of losses, mean of the first and last tenth of the iterations
    loss_last: float | None
    loss_curve: tuple[float, ...] = ()  # the same for each hundredth; every iteration where there are fewer than 100
    train_seconds: Amount
    steps_per_second: Amount | None = None  # training iterations per second, data loading included
    evaluate_seconds: Amount
    weights: str  # before training: "imagenet: <file> <sha256>", "random: <reason>", "base: <file>" of the refined
    # system, "shared: <file>" of another system with the same net, or "counted: ..." of a reference
    weights_hash: str | None = None  # of the trained weights as scored: sha256 of names and values, 16 hex digits
    checkpoint_selection: str | None = None  # which state of the training was scored; None also without training

    @model_validator(mode="after")
    def _of_one_size(self) -> Accuracy:
        classes, images = len(self.confusion), len(self.images)
        if any(len(row) != classes for row in self.confusion):
            raise ValueError("confusion is not a square matrix")
        if any(index >= classes for index in self.paper_classes):
            raise ValueError("paper_classes names a class that confusion does not have")
        matrices = self.image_confusions
        if matrices and len(matrices) != images:
            raise ValueError(f"image_confusions has {len(matrices)} matrices for {images} images")
        if not all(COUNTS.fullmatch(text) and text.count(" ") == classes**2 - 1 for text in matrices):
            raise ValueError(f"image_confusions: a matrix is not {classes**2} counts")
        if any(len(values) != images for values in self.work.values()):
            raise ValueError(f"work does not have {images} values of each kind, one for each image")
        return self


class Environment(Model):
    """The machine and the libraries."""

    device: str
    cpu_model: str
    cpu_threads: Count
    memory_gib: Amount
    load_average: Amount | None = None  # runnable processes, mean of the last minute; None: unknown
    host_allocator: str = ""  # how blocks of host memory were allocated while timing; "": not recorded
    platform: str
    python: str
    libraries: dict[str, str]
    gpu: str | None = None
    gpu_memory_mib: Count | None = None
    driver: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    clocks_mhz: dict[str, int] | None = None
    power_limit_w: Amount | None = None
    gpu_reason: str = ""  # why the GPU fields are None


class Provenance(Model):
    """When, how and from which code this record was made."""

    created: Moment  # UTC, ISO 8601
    by: str = ""  # who measured, as they call themselves: the environment variable ISDBENCH_BY
    command: str
    suite_version: str
    git_commit: str | None
    git_dirty: bool | None
    git_reason: str = ""
    packages: tuple[str, ...] = ()  # that hold the system, where it is not of the suite: version, commit, code's hash
    seeds: dict[str, int]
    resumed: bool = False
    wall_seconds: float  # negative where an older version met a clock that was set back


class Record(Model):
    """The outcome of one cell. JSON of version 1 is accepted and upgraded, see :mod:`results.upgrade`."""

    schema_version: Natural = SCHEMA_VERSION
    key: str
    status: Status
    reason: str = ""  # of a status other than ok: what happened, and what to do
    cell: Cell
    protocol_hash: str
    accuracy: Accuracy | None = None
    cost: Cost | None = None
    environment: Environment
    provenance: Provenance

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, data: Any) -> Any:
        return upgraded(data)

    @model_validator(mode="after")
    def _of_its_kind(self) -> Record:
        values = {"accuracy": self.accuracy is not None, "cost": self.cost is not None}
        expected = {kind: self.status == "ok" and kind == self.cell.kind for kind in values}
        if values != expected:
            raise ValueError(f"a record of kind {self.cell.kind} and status {self.status} with other values than that")
        return self
