"""Records as a pandas frame: one row per record, one column per fact or value, named with unit and definition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from results.analysis.statistics import of_median
from results.cell import digest
from results.record import Accuracy, Cost, Memory, Record

MEMORY_PROBES = tuple(Memory.model_fields)
VALUES = ("miou_paper", "miou_dataset", "boundary_iou", "latency_ms", "fps", "fps_low", "fps_high", *MEMORY_PROBES)
IOU = "iou_"  # how the column of a class, or of several scored as one, begins
_FACTS = (
    "work",
    "parts_ms",
    "form",
    "labels_kept",
    "scored_work",
    "seconds_per_image",
    "images",
    "train_images",
    "iterations",
    "weights",
    "weights_of",
    "training",
    "parameters",
    "flops",
    "steady",
    "warmup_samples",
    "timed_region",
    "calls",
    "processes",
)
_CELL = (
    "kind",
    "system",
    "dataset",
    "paper_dataset",
    "recipe",
    "profile",
    "profile_hash",
    "seed",
    "device",
    "split",
    "split_hash",
    "image_ratio",
)
_SAME = ("protocol_hash", "hardware", "overrides", *_CELL)  # cells that agree in these have the same place in a table
_PROTOCOL = (
    "metric_version",
    "evaluated_scale",
    "height",
    "width",
    "precision",
    "compiled",
    "engine",
    "threads",
    "input",
)
_RECORD = ("hardware", "created", "commit", "load_average", "setting_hash", "probe_reasons", "overrides")
COLUMNS = ("key", "status", "reason", "protocol_hash", *_CELL, *_PROTOCOL, *_RECORD, *_FACTS, *VALUES)


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record, with ``COLUMNS`` and ``iou_<class>`` of every class in them.

    Values are float64 (percent, ms, 1/s, MiB); NaN where missing.
    """
    rows = [_row(record) for record in records]
    ious = dict.fromkeys(name for row in rows for name in row if name.startswith(IOU))
    frame: pd.DataFrame = pd.DataFrame(rows, columns=pd.Index([*COLUMNS, *ious]))
    for name in (*VALUES, *ious):
        frame[name] = frame[name].astype("float64")
    return frame


def newest(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: its newest record with status "ok", otherwise its newest record.

    Cells that differ only in the state of the code (the system's card, its recipe) or in the files that training
    started from count as one, and the newest wins: they are not repeats to average.
    """
    ranked = frame.assign(is_ok=frame["status"] == "ok").sort_values(["is_ok", "created"], kind="stable")
    of_cell = ranked.drop_duplicates("key", keep="last").sort_values("created", kind="stable")
    chosen: pd.DataFrame = of_cell.drop_duplicates(list(_SAME), keep="last").sort_index().drop(columns="is_ok")
    return chosen


def sweeps(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Costs that may stand on one curve: of one dataset, machine and setting, with patches of the paper's pixels.

    A table's cells on small images are left out: their patches and crops are scaled with the images.
    """
    rows = newest(frame)
    true = (rows["paper_dataset"] == "") | (rows["paper_dataset"] == rows["dataset"])
    costs: pd.DataFrame = rows[(rows["kind"] == "cost") & true]
    return [curve for _, curve in costs.groupby(["dataset", "hardware", "profile_hash", "setting_hash"])]


def _row(record: Record) -> dict[str, Any]:
    cell, protocol, environment = record.cell, record.cell.protocol, record.environment
    row: dict[str, Any] = {
        "key": record.key,
        "status": record.status,
        "reason": record.reason,
        "protocol_hash": record.protocol_hash,
        "hardware": environment.cpu_model if cell.device == "cpu" else environment.gpu or cell.device,
        "created": record.provenance.created,
        "commit": _commit(record),
        "load_average": environment.load_average,
        "setting_hash": digest(protocol.model_dump(mode="json", exclude={"height", "width"})),
    }
    row |= {name: getattr(cell, name) for name in _CELL}
    row["overrides"] = " ".join(cell.overrides)
    row |= {name: getattr(protocol, name) for name in _PROTOCOL}
    return row | _accuracy(record.accuracy) | _cost(record.cost)


def _commit(record: Record) -> str:
    commit = record.provenance.git_commit
    if commit is None:
        return f"version {record.provenance.suite_version}"
    return commit[:10] + ("+changes" if record.provenance.git_dirty else "")


def _accuracy(accuracy: Accuracy | None) -> dict[str, Any]:
    if accuracy is None:
        return {}
    return {
        "miou_paper": accuracy.miou_paper,
        "miou_dataset": accuracy.miou_dataset,
        "boundary_iou": accuracy.boundary_iou,
        **accuracy.iou,
        **{name: value for name, value in accuracy.conventions.items() if name.startswith(IOU)},
        "images": len(accuracy.images),
        "train_images": accuracy.train_images,
        "iterations": accuracy.iterations,
        "weights": accuracy.weights.partition(":")[0],
        "weights_of": _source(accuracy.weights),
        "training": accuracy.training,
        "scored_work": accuracy.work,
        "seconds_per_image": accuracy.evaluate_seconds / max(1, len(accuracy.images)),
    }


def _source(weights: str) -> str:
    """The system whose trained weights an accuracy cell started from; empty for none."""
    kind, _, file = weights.partition(": ")
    return file.rpartition("-")[0] if kind in ("base", "shared") else ""


def _cost(cost: Cost | None) -> dict[str, Any]:
    if cost is None:
        return {}
    probes = {name: getattr(cost.memory, name) for name in MEMORY_PROBES}
    row: dict[str, Any] = {"parameters": cost.parameters, "flops": cost.flops, "work": cost.work}
    row |= {"parts_ms": cost.parts_ms, "form": cost.form, "labels_kept": cost.labels_kept}
    row |= {name: probe.mib for name, probe in probes.items()}
    row["probe_reasons"] = {name: probe.reason for name, probe in probes.items() if probe.mib is None}
    samples = cost.headline
    if samples:
        row |= {"latency_ms": samples.median_ms, "fps": cost.fps, "steady": samples.steady}
        row["warmup_samples"] = samples.warmup_samples
        latency = of_median(samples.latencies_ms)
        if latency.low is not None and latency.high is not None:
            row |= {"fps_low": 1000.0 / latency.high, "fps_high": 1000.0 / latency.low}
        row |= {"calls": latency.n, "processes": max(1, len(samples.rounds))}
        row["timed_region"] = samples.region
    return row
