"""A limit on the memory of this process, beyond which an allocation fails instead of the machine."""

from __future__ import annotations

from pathlib import Path

import psutil

from benchmark.errors import ProbeAbsentError
from benchmark.machine.allocator import MIB

STATUS = Path("/proc/self/status")
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_mb() -> float:
    """Memory of the machine, or of the control group that this process may use, in MiB."""
    told = [file.read_text().strip() for file in CGROUP_LIMITS if file.is_file()]
    limits = [int(text) for text in told if text.isdecimal()]
    return min([psutil.virtual_memory().total, *limits]) / MIB


def writable_mb() -> float:
    """Private writable memory that this process has asked for, touched or not (VmData), in MiB.

    Raises:
        ProbeAbsentError: not on Linux.
    """
    try:
        lines = STATUS.read_text().splitlines()
    except OSError as error:
        raise ProbeAbsentError(f"no limit that can be set: {error}") from error
    return next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) / 1024


def cap_host(mib: float) -> None:
    """Let private writable memory grow to ``mib``, for the rest of this process's life (RLIMIT_DATA).

    Raises:
        ProbeAbsentError: not on Linux.
    """
    if not STATUS.is_file():
        raise ProbeAbsentError("no limit that can be set: this is not Linux")
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = int(mib * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def cap_device(mib: float) -> None:
    """Let torch's allocator reserve up to ``mib`` of GPU memory, for the rest of this process's life."""
    import torch

    total_mib = torch.cuda.get_device_properties(0).total_memory / MIB
    torch.cuda.set_per_process_memory_fraction(min(1.0, mib / total_mib))
