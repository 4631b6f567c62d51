"""Records made by hand for tests. Every number in them is invented."""

from results.cell import Cell, Protocol
from results.record import Accuracy, Cost, Environment, LatencySamples, Memory, MemoryReading, Provenance, Record

GPU = "NVIDIA GeForce RTX 2080 Ti"


def protocol(kind, **changes):
    regions = ("logits", "predict", "end_to_end") if kind == "cost" else ()
    settings = {"kind": kind, "height": 612, "width": 612, "threads": 2, "timed_regions": regions}
    return Protocol(**{**settings, **changes})


def cell(kind, system, *, protocol_changes=None, **changes):
    settings = {
        "kind": kind,
        "system": system,
        "card_hash": "c" * 12,
        "dataset": "synthetic",
        "paper_dataset": "deepglobe",
        "recipe": "paper",
        "recipe_hash": "d" * 12,
        "profile": "smoke",
        "profile_hash": "e" * 12,
        "seed": 0,
        "device": "cpu",
        "split": "test" if kind == "accuracy" else "",
        "split_hash": "f" * 12 if kind == "accuracy" else "",
        "protocol": protocol(kind, **(protocol_changes or {})),
    }
    return Cell(**{**settings, **changes})


def accuracy(miou_paper=41.5, images=4, train_images=8, weights="random: no file"):
    return Accuracy(
        miou_paper=miou_paper,
        miou_dataset=42.0,
        conventions={"miou_unknown_dropped": 42.0},
        iou={"iou_urban": 40.0, "iou_water": None},
        boundary_iou=12.5,
        confusion=((5, 1), (2, 2**40)),
        images=tuple(f"image{index}" for index in range(images)),
        train_images=train_images,
        labels_hash="a" * 64,
        loss_first=3.25,
        loss_last=1.125,
        train_seconds=10.0,
        evaluate_seconds=2.0,
        weights=weights,
    )


def cost(median_ms=200.0, steady=True, host_mib=512.0, gpustat_mib=None):
    blank = MemoryReading(reason="no CUDA device")
    samples = LatencySamples(
        region="predict",
        latencies_ms=tuple(median_ms * factor for factor in (1.05, 0.95, 1.0, 1.0, 0.95, 1.05)),
        median_ms=median_ms,
        median_low_ms=median_ms * 0.95,
        median_high_ms=median_ms * 1.05,
        p90_ms=median_ms * 1.1,
        p99_ms=median_ms * 1.2,
        warmup_samples=3,
        steady=steady,
    )
    memory = Memory(
        peak_allocated_mib=blank,
        peak_reserved_mib=blank,
        process_nvml_mib=blank,
        device_gpustat_mib=blank if gpustat_mib is None else MemoryReading(mib=gpustat_mib),
        cuda_context_mib=blank,
        host_peak_over_idle_mib=MemoryReading(mib=host_mib - 12),
        weights_mib=MemoryReading(mib=12),
        host_peak_with_weights_mib=MemoryReading(mib=host_mib),
    )
    return Cost(
        parameters=1_000_000,
        trained_parameters=1_200_000,
        flops=3_000_000_000,
        samples=(samples,),
        memory=memory,
        labels_hash="a" * 64,
    )


def environment(gpu=None):
    return Environment(
        device=gpu or "cpu",
        cpu_model="Test CPU",
        cpu_threads=2,
        memory_gib=8.0,
        platform="Linux",
        python="3.11.0",
        libraries={"torch": "2.15.0"},
        gpu=gpu,
        gpu_reason="" if gpu else "no CUDA device",
    )


def record(kind, system, *, status="ok", reason="", figures=None, created="2026-11-22T10:00:00+00:00", **changes):
    """One record; ``changes`` are fields of the cell, ``protocol_changes`` those of its protocol."""
    this = cell(kind, system, **changes)
    if figures is None and status == "ok":
        figures = accuracy() if kind == "accuracy" else cost()
    return Record(
        key=this.key,
        status=status,
        reason=reason,
        cell=this,
        protocol_hash=this.protocol.hash,
        **{kind: figures},
        environment=environment(None if this.device == "cpu" else this.device),
        provenance=Provenance(
            created=created,
            command="isdbench run table1",
            suite_version="0.1.0",
            git_commit="0123456789abcdef",
            git_dirty=False,
            seeds={"cell": this.seed},
            wall_seconds=12.5,
        ),
    )
