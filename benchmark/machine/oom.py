"""Telling a lack of memory from every other failure, without importing torch."""

from __future__ import annotations

import errno

from benchmark.errors import UserError

SIGNS = (
    "out of memory",  # CUDA driver and allocator
    "defaultcpuallocator: can't allocate memory",  # torch on CPU
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "insufficient memory",  # OpenCV
    "bad_alloc",  # any C++ library
)


class ResourceExhaustedError(UserError):
    """The device or the host does not have enough memory for this system at this image size."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or the one it was raised from, says that memory was exhausted on host or device."""
    if error is None:
        return False
    if isinstance(error, MemoryError | ResourceExhaustedError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    said = str(error).lower()
    return any(sign in said for sign in SIGNS) or is_out_of_memory(error.__cause__)
