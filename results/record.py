"""The record: the immutable outcome of one cell, as typed JSON. Old versions stay readable.

Every number in a report comes from a record, and a record says how it was made: the cell, the protocol, the raw
samples, the environment and the provenance, or why there is no number.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
METRIC_VERSION = 1  # raised whenever a change of code changes an accuracy or cost figure

Status = Literal["ok", "oom", "failed", "unavailable"]
Kind = Literal["accuracy", "cost"]
Region = Literal["forward", "predict", "end_to_end"]  # what is timed


class Model(BaseModel):
    """Frozen, and no field that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Protocol(Model):
    """All that makes two figures comparable. Its hash is part of the cell's key."""

    kind: Kind
    metric_version: int = METRIC_VERSION
    evaluated_scale: float = 1.0  # the image's side as it enters the system, over its true side
    height: int  # of the image that enters the system
    width: int
    batch: int = 1
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    tf32: bool = False
    cudnn_benchmark: bool = False
    channels_last: bool = False
    compiled: bool = False
    deterministic: bool = False
    threads: int | None = None  # CPU threads; None on a GPU
    timed_regions: tuple[str, ...] = ()  # of "forward", "predict", "end_to_end"
    input: Literal["dataset", "synthetic-land", "noise"] = "dataset"  # what is timed or scored

    @property
    def hash(self) -> str:
        """The first 12 hex digits of the sha256 of the canonical JSON."""
        return digest(self.model_dump(mode="json"))


class Cell(Model):
    """One thing to measure."""

    kind: Kind
    system: str
    card_hash: str  # of the card as scaled: a changed patch size is another cell
    dataset: str
    paper_dataset: str  # the one of the paper's datasets that it is compared with
    recipe: str
    recipe_hash: str
    profile: str
    profile_hash: str
    imagenet: tuple[str, ...] = ()  # ImageNet files that training starts from; none: random weights
    seed: int
    device: str  # "cpu" or the GPU's name
    hardware: str = ""  # the CPU's or the GPU's name: figures of another machine are another cell's
    split: str = ""  # that is scored
    split_hash: str = ""  # of the ids trained on and scored
    protocol: Protocol

    @property
    def key(self) -> str:
        """The cell's name in the store."""
        return digest(self.model_dump(mode="json"))


class Samples(Model):
    """Raw timing samples of one region, in the order taken, and what follows from them."""

    region: Region
    latencies_ms: tuple[float, ...]
    median_ms: float
    median_low_ms: float  # 95 % interval of the median
    median_high_ms: float
    p90_ms: float
    p99_ms: float
    warmup_samples: int
    steady: bool  # whether these samples pass the drift test


class Probe(Model):
    """One memory probe: a figure in MiB, or why there is none."""

    mib: float | None = None
    reason: str = ""  # why it is blank
    method: str = ""  # how it was read, where there is more than one way


class Memory(Model):
    """Peaks of one predict call, by every probe at hand."""

    peak_allocated_mb: Probe
    peak_reserved_mb: Probe
    process_nvml_mb: Probe
    device_gpustat_mb: Probe
    cuda_context_mb: Probe
    peak_rss_over_idle_mb: Probe


class Cost(Model):
    """What needs no training and no labels."""

    parameters: int
    trained_parameters: int  # with the training-only modules
    flops: int | None  # of one predict call, 2 x multiply-accumulate
    flops_reason: str = ""
    samples: tuple[Samples, ...]
    memory: Memory
    labels_hash: str  # sha256 of the labels that the timed call returned
    work: dict[str, int] = Field(default_factory=dict)  # what the call did: passes, points, padded rows

    @property
    def fps(self) -> float | None:
        """1 / median latency of `predict`, the figure in the tables."""
        for samples in self.samples:
            if samples.region == "predict":
                return 1000.0 / samples.median_ms
        return None


class Accuracy(Model):
    """Figures of one confusion matrix; rows are the ground truth, columns the prediction."""

    miou_paper: float | None  # what the paper's column means for this dataset, in percent
    miou_dataset: float | None  # all evaluated classes, GT-unknown pixels dropped, in percent
    conventions: dict[str, float | None] = Field(default_factory=dict)  # the dataset's named readings of "mIoU"
    iou: dict[str, float | None]  # "iou_<class>"; None where the class is absent from truth and prediction
    boundary_iou: float | None
    confusion: tuple[tuple[int, ...], ...]
    images: tuple[str, ...]  # ids scored
    image_confusions_hash: str = ""
    train_images: int
    iterations: int | None = None  # of training; None in records of before this was kept
    work: dict[str, tuple[int, ...]] = Field(default_factory=dict)  # passes, points, padded rows, by image
    labels_hash: str
    loss_first: float | None  # sum of losses, mean of the first and last tenth of the iterations
    loss_last: float | None
    train_seconds: float
    evaluate_seconds: float
    weights: str  # "imagenet: <file> <sha256>", "random: <why>"


class Environment(Model):
    """The machine and the libraries."""

    device: str
    cpu_model: str
    cpu_threads: int
    memory_gb: float
    platform: str
    python: str
    libraries: dict[str, str]
    gpu: str | None = None
    gpu_memory_mb: int | None = None
    driver: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    clocks_mhz: dict[str, int] | None = None
    power_limit_w: float | None = None
    gpu_reason: str = ""  # why the GPU fields are blank


class Provenance(Model):
    """Who made this record, from what."""

    created: str  # UTC, ISO 8601
    command: str
    suite_version: str
    git_commit: str | None
    git_dirty: bool | None
    git_reason: str = ""
    seeds: dict[str, int]
    resumed: bool = False
    wall_seconds: float


class Record(Model):
    """The outcome of one cell."""

    schema_version: int = SCHEMA_VERSION
    key: str
    status: Status
    reason: str = ""  # of a status other than ok: what happened, and the way out
    cell: Cell
    protocol_hash: str
    accuracy: Accuracy | None = None
    cost: Cost | None = None
    environment: Environment
    provenance: Provenance


def digest(value: Any) -> str:
    """First 12 hex digits of the sha256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
