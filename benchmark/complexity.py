"""Parameters and FLOPs: what a system costs on paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmark.out_of_memory import is_out_of_memory
from benchmark.system import System


def parameters(module: nn.Module) -> int:
    """Number of weights of a module as it is, shared ones once. Buffers (BatchNorm's statistics) are not counted."""
    return sum(parameter.numel() for parameter in module.parameters())


def flops(system: System, image: Tensor) -> tuple[int | None, str]:
    """FLOPs of one ``predict`` call on an image ``[B, 3, H, W]``, or None and why there is no figure.

    Counted by ``torch.utils.flop_counter`` while the call runs, so that all passes of a multi-pass method are in it,
    also where their number depends on the image. A multiply-accumulate is 2 FLOPs. Convolutions, matrix products and
    attention are counted, and nothing else: no normalisation, activation, pooling or resize.

    Raises:
        Exception: whatever the system raised because memory was exhausted.
    """
    try:
        # older torch (2.11) does not count the CPU's fused attention; as matrix products it is counted everywhere
        with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            system.predict(image)
    except Exception as error:  # a third party's kernel may not bear the counter; the timed calls run without it
        if is_out_of_memory(error):
            raise
        return None, f"not countable: {type(error).__name__}: {error}"
    return int(counter.get_total_flops()), ""
