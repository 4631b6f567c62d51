"""Records of schema version 1 under the names of version 2, wherever the meaning is the same.

The files stay as they are: a record is upgraded in memory when it is read. It keeps ``schema_version: 1``, its key and
its hashes, so nothing makes it look new. What version 1 did not record is None, with the reason where there is a field
for one.
"""

from __future__ import annotations

from typing import Any

NOT_RECORDED = {"reason": "records of schema version 1 do not have it"}
SUM_ONLY = {"reason": "records of schema version 1 have only the sum with the weights"}
WEIGHTS_ON_GPU = {"reason": "the weights are on the GPU"}

ENVIRONMENT = {"memory_gb": "memory_gib", "gpu_memory_mb": "gpu_memory_mib"}  # the units were 2^30 and 2^20 bytes
COST = {"smallest_budget_mb": "smallest_budget_mib"}
TELEMETRY = {"looks": "readings"}
MEMORY = {
    "peak_allocated_mb": "peak_allocated_mib",
    "peak_reserved_mb": "peak_reserved_mib",
    "process_nvml_mb": "process_nvml_mib",
    "device_gpustat_mb": "device_gpustat_mib",
    "cuda_context_mb": "cuda_context_mib",
}


def upgraded(data: Any) -> Any:
    """A record as parsed from JSON, with the names of version 2; anything but a record of version 1 as it is.

    Values of an unexpected type are left alone: the validation that follows names them.
    """
    if not isinstance(data, dict) or data.get("schema_version") != 1:
        return data
    cell = data.get("cell")
    fields = {
        "cell": _cell(cell),
        "environment": _renamed(data.get("environment"), ENVIRONMENT),
        "cost": _cost(data.get("cost"), on_cpu=isinstance(cell, dict) and cell.get("device") == "cpu"),
    }
    return data | {name: value for name, value in fields.items() if name in data}


def _cell(cell: Any) -> Any:
    protocol = cell.get("protocol") if isinstance(cell, dict) else None
    if not isinstance(protocol, dict) or not isinstance(regions := protocol.get("timed_regions"), list):
        return cell
    return cell | {"protocol": protocol | {"timed_regions": ["logits" if one == "forward" else one for one in regions]}}


def _cost(cost: Any, *, on_cpu: bool) -> Any:
    if not isinstance(cost, dict):
        return cost
    fields = {
        "memory": _memory(cost.get("memory"), on_cpu=on_cpu),
        "telemetry": _renamed(cost.get("telemetry"), TELEMETRY),
        "samples": _samples(cost.get("samples")),
    }
    return _renamed(cost, COST) | {name: value for name, value in fields.items() if name in cost}


def _memory(memory: Any, *, on_cpu: bool) -> Any:
    """On a CPU, version 1 added the weights to the peak of the resident set; on a GPU it did not."""
    if not isinstance(memory, dict):
        return memory
    measured = "host_peak_with_weights_mib" if on_cpu else "host_peak_over_idle_mib"
    other = {"host_peak_over_idle_mib": SUM_ONLY} if on_cpu else {"host_peak_with_weights_mib": WEIGHTS_ON_GPU}
    return {"weights_mib": NOT_RECORDED} | other | _renamed(memory, MEMORY | {"peak_rss_over_idle_mb": measured})


def _samples(samples: Any) -> Any:
    """Version 1 called the entire procedure up to the logits "forward"."""
    if not isinstance(samples, list):
        return samples
    return [
        one | {"region": "logits"} if isinstance(one, dict) and one.get("region") == "forward" else one
        for one in samples
    ]


def _renamed(values: Any, names: dict[str, str]) -> Any:
    return {names.get(name, name): value for name, value in values.items()} if isinstance(values, dict) else values
