"""What a process shares: a system that changes any of it changes the figures of the next one."""

import logging
import os
import random

import numpy as np
import torch

STEERING = ("CUBLAS", "CUDA", "KMP_", "MKL_", "NVIDIA_", "OMP_", "PYTHON", "PYTORCH_")  # of what steers figures


def settings() -> dict[str, object]:
    """Flags and switches that no import, construction, loss or prediction may leave changed."""
    return {
        "tf32 matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32 cudnn": torch.backends.cudnn.allow_tf32,
        "cudnn enabled": torch.backends.cudnn.enabled,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(STEERING)},
        "root log level": logging.getLogger().level,
        "root log handlers": list(logging.getLogger().handlers),
    }


def generators() -> dict[str, object]:
    """States of the random generators, comparable with ``==``; torch's moves when weights are drawn."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  # the global one is what must not move
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tobytes(), *rest),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
