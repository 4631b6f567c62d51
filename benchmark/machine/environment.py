"""The machine, the libraries, and when and from which code a record was made. Imports torch only to describe a GPU."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from benchmark.machine.allocator import allocator
from benchmark.machine.device import cpu_threads
from results.record import Environment, Provenance

DISTRIBUTION = "isdbench"
WHO_VARIABLE = "ISDBENCH_BY"
LIBRARIES = (
    "torch",
    "torchvision",
    "lightning-fabric",
    "mmsegmentation",
    "mmengine",
    "mmcv-lite",
    "segmentation-models-pytorch",
    "timm",
    "numpy",
    "opencv-python",
    "pillow",
    "onnxruntime",
    "openvino",
    "gpustat",
    "nvidia-ml-py",
)


def environment(device: str) -> Environment:
    """Describe this machine for a record; ``device`` is "cpu" or a GPU's name."""
    return Environment(
        device=device,
        cpu_model=cpu_model(),
        cpu_threads=cpu_threads(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        load_average=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        host_allocator=allocator(),
        platform=platform.platform(),
        python=platform.python_version(),
        libraries=library_versions(),
        **({"gpu_reason": "the run used no GPU"} if device == "cpu" else gpu_fields()),
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the kernel gives it (Linux on x86), else what Python knows of it.

    Args:
        cpuinfo: the kernel's table of processors; its first entry gives the name.

    Returns:
        A name such as "AMD EPYC 7763 64-Core Processor", or at least the architecture, such as "aarch64".
    """
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def library_versions() -> dict[str, str]:
    """Versions of the libraries that can change a result; those not installed are left out."""
    versions = {name: installed_version(name) for name in LIBRARIES}
    return {name: version for name, version in versions.items() if version is not None}


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def gpu_fields() -> dict[str, Any]:
    """Name, memory, CUDA and cuDNN by torch; driver, clocks and power limit by NVML, or ``gpu_reason`` without it."""
    import torch

    from benchmark.errors import ProbeUnavailableError
    from benchmark.machine.gpu import device_state, torch_uuid

    fields: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(0),
        "gpu_memory_mib": torch.cuda.get_device_properties(0).total_memory // 2**20,
        "cuda": torch.version.cuda,
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
    }
    try:
        return {**fields, **device_state(torch_uuid())}
    except ProbeUnavailableError as error:
        return {**fields, "gpu_reason": str(error)}


def provenance(
    command: str, seeds: Mapping[str, int], started: float, *, resumed: bool, packages: tuple[str, ...] = ()
) -> Provenance:
    """How a record was made.

    Args:
        command: as it was typed.
        seeds: by name.
        started: ``time.monotonic()`` at the start of the cell.
        resumed: whether it went on from a checkpoint.
        packages: other packages that hold the system.
    """
    commit, dirty, reason = git_state(Path(__file__).resolve())
    return Provenance(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        by=os.environ.get(WHO_VARIABLE, ""),
        command=command,
        suite_version=installed_version(DISTRIBUTION) or "not installed",
        git_commit=commit,
        git_dirty=dirty,
        git_reason=reason,
        packages=packages,
        seeds=dict(seeds),
        resumed=resumed,
        wall_seconds=round(time.monotonic() - started, 3),
    )


def git_state(source: Path) -> tuple[str | None, bool | None, str]:
    """Commit and dirty flag of the checkout that tracks the file ``source``, or the reason why there are none.

    Dirty means that a file which git does not ignore differs from the commit; new records of the suite do not count.
    """
    try:
        _git(source.parent, "ls-files", "--error-unmatch", source.name)
        root = Path(_git(source.parent, "rev-parse", "--show-toplevel"))
        changes = _git(root, "status", "--porcelain", "--", ".", ":(exclude)results/records")
        return _git(root, "rev-parse", "HEAD"), bool(changes), ""
    except FileNotFoundError:
        return None, None, "git is not installed"
    except subprocess.TimeoutExpired as error:
        return None, None, f"git did not answer within {error.timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or [f"git ended with status {error.returncode}"])[0]
        return None, None, f"not a git checkout of the suite: {said}"


def _git(folder: Path, *arguments: str) -> str:
    """Output of a git command that only reads."""
    command = ["git", "-C", str(folder), *arguments]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, env=quiet)
    return done.stdout.strip()
