"""The only place that changes torch's global state: set from a protocol, read back, and restored.

The C library's allocator, on which latencies on a CPU depend as much, is set with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.errors import UserError
from benchmark.machine.allocator import freed_memory_kept
from results.cell import Protocol

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CUBLAS_SETTING = "CUBLAS_WORKSPACE_CONFIG"


class ProtocolError(UserError):
    """The protocol requests something that this torch or device does not do."""


@dataclass(frozen=True)
class Switch:
    """One global setting: how to read and write it, and the value for a protocol (None: leave it)."""

    field: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    required: Callable[[Protocol], Any]


def _set_cudnn(name: str) -> Callable[[bool], None]:
    return lambda value: setattr(torch.backends.cudnn, name, value)


def _set_cublas(value: str | None) -> None:
    if value is None:
        os.environ.pop(CUBLAS_SETTING, None)
    else:
        os.environ[CUBLAS_SETTING] = value


SWITCHES = (
    Switch(
        "tf32",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        lambda protocol: "high" if protocol.tf32 else "highest",
    ),
    Switch("tf32", lambda: torch.backends.cudnn.allow_tf32, _set_cudnn("allow_tf32"), lambda protocol: protocol.tf32),
    Switch(
        "cudnn_benchmark",
        lambda: torch.backends.cudnn.benchmark,
        _set_cudnn("benchmark"),
        lambda protocol: protocol.cudnn_benchmark,
    ),
    Switch(
        "deterministic",
        lambda: torch.backends.cudnn.deterministic,
        _set_cudnn("deterministic"),
        lambda protocol: protocol.deterministic,
    ),
    Switch(
        "deterministic",
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
        lambda protocol: 2 if protocol.deterministic else 0,
    ),
    Switch(  # cuBLAS is deterministic only with a fixed workspace
        "deterministic",
        lambda: os.environ.get(CUBLAS_SETTING),
        _set_cublas,
        lambda protocol: ":4096:8" if protocol.deterministic else None,
    ),
    Switch("threads", torch.get_num_threads, torch.set_num_threads, lambda protocol: protocol.threads),
)


@contextmanager
def measurement_mode(protocol: Protocol, device: str) -> Iterator[None]:
    """Allocator, TF32, cuDNN flags, determinism, threads and autocast by the protocol; restored, also after an error.

    Args:
        protocol: the requested settings.
        device: "cpu" or "cuda", for autocast.

    Raises:
        ProtocolError: a setting was written and did not take effect.
    """
    with ExitStack() as undo:
        undo.enter_context(freed_memory_kept())
        for switch in SWITCHES:
            required = switch.required(protocol)
            if required is not None:
                undo.callback(switch.write, switch.read())
                switch.write(required)
                _require(switch.field, required, switch.read())
        reduced = protocol.precision != "fp32"
        undo.enter_context(torch.autocast(device, DTYPES[protocol.precision] if reduced else None, enabled=reduced))
        _require("precision", reduced, torch.is_autocast_enabled(device))
        if reduced:
            _require("precision", DTYPES[protocol.precision], torch.get_autocast_dtype(device))
        yield


def _require(field: str, required: Any, found: Any) -> None:
    if required != found:
        raise ProtocolError(
            f"protocol field '{field}' requests {required}, but torch uses {found}; choose another value for it"
        )
