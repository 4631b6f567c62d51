"""Peak rates of known GPUs, dense, from their vendors' data sheets."""

from __future__ import annotations

import re

from results.cell import Precision

# by a part of the name that torch gives: TFLOP/s in fp32, tf32, and fp16 or bf16
_PEAKS = {
    "H200": (67.0, 494.7, 989.4),  # NVIDIA H200 data sheet
    "H100 PCIe": (51.0, 378.0, 756.0),
    "H100": (67.0, 494.7, 989.4),  # SXM
    "A100": (19.5, 156.0, 312.0),
    "V100": (15.7, 15.7, 125.0),
    "L40S": (91.6, 183.0, 362.0),
    "T4": (8.1, 8.1, 65.0),
    "RTX 4090": (82.6, 82.6, 330.3),  # NVIDIA Ada white paper
    "RTX 3090": (35.6, 35.6, 142.0),  # NVIDIA Ampere GA102 white paper
    "RTX 2080 Ti": (13.4, 13.4, 107.6),  # NVIDIA Turing white paper
}


def peak_tflops(device: str, precision: Precision, *, tf32: bool) -> float | None:
    """What a device can do at most; None if it is not in the list, as every CPU."""
    for name, (fp32, with_tf32, half) in _PEAKS.items():
        if re.search(rf"\b{re.escape(name)}\b", device):
            return half if precision != "fp32" else with_tf32 if tf32 else fp32
    return None
