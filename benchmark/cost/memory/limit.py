"""A limit on the memory of this process: an allocation beyond it fails, and the machine does not run out of memory."""

from __future__ import annotations

from pathlib import Path

import psutil

from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB

STATUS = Path("/proc/self/status")
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_mib() -> float:
    """The most memory that this process can have, in MiB.

    That is the machine's memory, or the limit of the control group that the process belongs to (version 1 or 2) if
    that is lower, as in a container. Swap space does not count.
    """
    texts = [file.read_text().strip() for file in CGROUP_LIMITS if file.is_file()]
    limits = [int(text) for text in texts if text.isdecimal()]
    return min([psutil.virtual_memory().total, *limits]) / MIB


def writable_mib() -> float:
    """Private writable memory that this process has requested, touched or not (VmData), in MiB.

    Raises:
        ProbeUnavailableError: this is not Linux.
    """
    try:
        lines = STATUS.read_text().splitlines()
    except OSError as error:
        raise ProbeUnavailableError(f"the memory of a process cannot be limited: {error}") from error
    return next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) / 1024


def cap_host(mib: float) -> None:
    """Limit private writable memory to ``mib`` for the rest of this process's life (RLIMIT_DATA).

    Raises:
        ProbeUnavailableError: this is not Linux.
    """
    if not STATUS.is_file():
        raise ProbeUnavailableError("the memory of a process cannot be limited: this is not Linux")
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = int(mib * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def cap_device(mib: float) -> None:
    """Limit torch's allocator to ``mib`` of the first GPU's memory for the rest of this process's life.

    The limit is on what the allocator reserves; the CUDA context comes on top. A limit above the GPU's memory has no
    effect. An allocation beyond it raises ``torch.OutOfMemoryError``.
    """
    import torch

    total_mib = torch.cuda.get_device_properties(0).total_memory / MIB
    torch.cuda.set_per_process_memory_fraction(min(1.0, mib / total_mib))
