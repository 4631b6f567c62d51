"""Where to measure: ``auto``, ``cpu`` or ``cuda``, and the device's name in records."""

from __future__ import annotations

import os

from benchmark.errors import UserError


def resolve(choice: str) -> str:
    """The device's name in records: "cpu" or the GPU's name. Imports torch unless the choice is "cpu".

    Raises:
        UserError: "cuda" was requested and there is no usable GPU.
    """
    if choice == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    if choice == "cuda":
        raise UserError("--device cuda: torch sees no GPU; use --device cpu, or install a torch built for your driver")
    return "cpu"


def torch_device(name: str) -> str:
    """Torch's device string for a resolved name."""
    return "cpu" if name == "cpu" else "cuda"


def cpu_threads() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
