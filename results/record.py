"""The record: the immutable outcome of one cell, as typed JSON. Old versions stay readable.

Every number in a report comes from a record, and a record says how it was made: the cell, the protocol, the raw
samples, the environment and the provenance, or why there is no number.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from results.cell import Cell, Model, Region

SCHEMA_VERSION = 1

Status = Literal["ok", "oom", "failed", "unavailable"]
OLDER = "the record is older than this figure"


class Samples(Model):
    """Raw timing samples of one region, in the order taken, and what follows from them."""

    region: Region
    latencies_ms: tuple[float, ...]
    median_ms: float
    median_low_ms: float  # 95 % interval of the median
    median_high_ms: float
    p90_ms: float
    p99_ms: float
    warmup_samples: int  # of all rounds
    steady: bool  # whether these samples pass the drift test
    rounds: tuple[int, ...] = ()  # samples of each round; a round is a process, between rounds other systems ran
    throttled: tuple[int, ...] | None = (
        None  # indices of samples taken while the GPU held its clock back; None: not seen
    )


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


class Spread(Model):
    """What was seen of a value that moves."""

    low: float
    median: float
    high: float


class Telemetry(Model):
    """The GPU while samples were taken, by NVML; a field that nothing was read for is None, and ``reason`` says why."""

    looks: int = 0
    sm_clock_mhz: Spread | None = None
    power_w: Spread | None = None
    temperature_c: Spread | None = None
    throttle_reasons: tuple[str, ...] | None = None  # all that were seen
    reason: str = ""


class Ceilings(Model):
    """What the device reached in the same process: the two lines of a roofline (Williams et al. 2009)."""

    matmul_tflops: float  # of one large matrix product in the protocol's precision
    copy_gb_s: float  # bytes read and bytes written by a large copy, 10^9 a second


class Cost(Model):
    """What needs no training and no labels."""

    parameters: int
    trained_parameters: int  # with the training-only modules
    flops: int | None  # of one predict call, 2 x multiply-accumulate
    flops_reason: str = ""
    samples: tuple[Samples, ...]
    memory: Memory
    labels_hash: str  # sha256 of the labels that the timed call returned
    scored_labels_hash: str = ""  # the same of the call that scoring uses, on the same image; "": not compared
    work: dict[str, int] = Field(default_factory=dict)  # what the call did: passes, points, padded rows
    parts_ms: dict[str, float] = Field(default_factory=dict)  # of the one call that scoring uses; {}: it names no parts
    bytes_moved: int | None = None  # of one predict call: every operator's operands, read and written once each
    bytes_reason: str = OLDER  # why there is no figure
    ceilings: Ceilings | None = None
    telemetry: Telemetry = Telemetry(reason=OLDER)
    smallest_budget_mb: Probe = Probe(reason="not searched for; measure with --smallest-budget")

    @property
    def headline(self) -> Samples | None:
        """The samples that the tables' FPS rests on: `full_logits` where it was timed, as the official script does."""
        by_region = {samples.region: samples for samples in self.samples}
        return by_region.get("full_logits") or by_region.get("predict")

    @property
    def fps(self) -> float | None:
        """1 / median latency of the headline region, the figure in the tables."""
        return 1000.0 / self.headline.median_ms if self.headline else None

    @property
    def attainable_tflops(self) -> float | None:
        """What the roofline allows a call of this arithmetic intensity (FLOPs a byte)."""
        if self.ceilings is None or not self.flops or not self.bytes_moved:
            return None
        by_memory = self.ceilings.copy_gb_s / 1000 * self.flops / self.bytes_moved
        return min(self.ceilings.matmul_tflops, by_memory)

    @property
    def roofline_fraction(self) -> float | None:
        """Reached FLOP/s of `predict` over attainable; above 1 where caches or fast convolutions spare work."""
        predict = next((samples for samples in self.samples if samples.region == "predict"), None)
        if self.attainable_tflops is None or predict is None or self.flops is None:
            return None
        return self.flops / (predict.median_ms * 1e9) / self.attainable_tflops


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
    image_confusions: tuple[str, ...] = ()  # counts of each image's matrix, row by row; none in older records
    paper_classes: tuple[int, ...] = ()  # the classes whose mean IoU `miou_paper` is; none in older records
    train_images: int
    iterations: int | None = None  # of training; None in records of before this was kept
    work: dict[str, tuple[int, ...]] = Field(default_factory=dict)  # passes, points, padded rows, by image
    labels_hash: str
    loss_first: float | None  # sum of losses, mean of the first and last tenth of the iterations
    loss_last: float | None
    loss_curve: tuple[float, ...] = ()  # the same, mean of each hundredth; all iterations where they are fewer
    train_seconds: float
    evaluate_seconds: float
    weights: str  # "imagenet: <file> <sha256>", "random: <why>"


class Environment(Model):
    """The machine and the libraries."""

    device: str
    cpu_model: str
    cpu_threads: int
    memory_gb: float
    load_average: float | None = None  # processes that wanted a CPU in the last minute; None: not told, or not yet kept
    host_allocator: str = ""  # of what was timed: how blocks in host memory were allocated; blank: not yet kept
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
