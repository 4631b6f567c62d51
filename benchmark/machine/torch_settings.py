"""The one place that touches torch's global state: set from a protocol, read back, and put back as it was.

The C heap, which a CPU's figures depend on as much, is made retentive with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.errors import UserError
from benchmark.machine.allocator import retentive_heap
from results.cell import Protocol

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CUBLAS_SETTING = "CUBLAS_WORKSPACE_CONFIG"


class ProtocolError(UserError):
    """The protocol asks for something that this torch or device does not do."""


@dataclass(frozen=True)
class Switch:
    """One global setting: how it is read and written, and what a protocol wants it to be (None: leave it)."""

    field: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    wanted: Callable[[Protocol], Any]


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
    """Heap, TF32, cuDNN flags, determinism, threads and autocast as the protocol says; restored, also after an error.

    Args:
        protocol: what is asked for.
        device: "cpu" or "cuda"; autocast is per device.

    Raises:
        ProtocolError: a setting was written and did not take.
    """
    with ExitStack() as undo:
        undo.enter_context(retentive_heap())
        for switch in SWITCHES:
            wanted = switch.wanted(protocol)
            if wanted is not None:
                undo.callback(switch.write, switch.read())
                switch.write(wanted)
                _require(switch.field, wanted, switch.read())
        reduced = protocol.precision != "fp32"
        undo.enter_context(torch.autocast(device, DTYPES[protocol.precision] if reduced else None, enabled=reduced))
        _require("precision", reduced, torch.is_autocast_enabled(device))
        if reduced:
            _require("precision", DTYPES[protocol.precision], torch.get_autocast_dtype(device))
        yield


def _require(field: str, wanted: Any, kept: Any) -> None:
    if wanted != kept:
        raise ProtocolError(f"protocol field '{field}' asks for {wanted}, but torch keeps {kept}; ask for another")
