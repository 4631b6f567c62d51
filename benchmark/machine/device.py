"""Where to measure: ``auto``, ``cpu`` or ``cuda``, and the device's name in records."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
INSTRUCTIONS = {  # on x86 and ARM; without them a reduced precision is emulated, some twenty times slower than fp32
    "bf16": {"avx512_bf16", "amx_bf16", "bf16"},
    "fp16": {"avx512_fp16", "amx_fp16", "asimdhp"},
}


def resolve(choice: str, precision: str = "fp32") -> str:
    """The device's name in records: "cpu" or the GPU's name. Imports torch unless the choice is "cpu".

    Raises:
        UserError: "cuda" was requested and there is no usable GPU, or the CPU has no instructions for the precision.
    """
    device = "cpu" if choice == "cpu" else _gpu()
    if choice == "cuda" and device == "cpu":
        raise UserError("--device cuda: torch sees no GPU; use --device cpu, or install a torch built for your driver")
    if device == "cpu" and cpu_lacks(precision):
        raise UserError(
            f"--precision {precision}: this CPU has no {precision} instructions; use --precision fp32, or a GPU"
        )
    return device


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"


def cpu_lacks(precision: str) -> bool:
    """Whether the system lists the CPU's instructions and none for the precision is among them."""
    if precision not in INSTRUCTIONS or not CPU_INFO.exists():
        return False
    words = {word for line in CPU_INFO.read_text(encoding="utf-8").splitlines() for word in line.split()}
    return not words & INSTRUCTIONS[precision]


def torch_device(name: str) -> str:
    """Torch's device string for a resolved name."""
    return "cpu" if name == "cpu" else "cuda"


def cpu_threads() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
