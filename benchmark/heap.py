"""The C heap made forgetful, so that resident memory shows what a call uses and not what was freed before it.

Freed memory stays in glibc's heap, and the same call peaks up to twice as high after some others: blocks up to a
threshold, which grows to 32 MiB with the blocks freed so far, come from the heap and go back to it, not to the system.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

MIB = 2**20
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # option numbers of mallopt, from glibc's malloc.h
SMALLEST = 128 * 1024  # bytes of a block that is mapped; glibc starts with the same


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later: ten counters, the fourth of blocks mapped one by one."""

    _fields_ = (("before", ctypes.c_size_t * 3), ("hblks", ctypes.c_size_t), ("after", ctypes.c_size_t * 6))


@contextlib.contextmanager
def forgetful_heap() -> Iterator[None]:
    """While open, every block of 128 KiB or more is mapped when allocated and leaves the process when freed.

    Garbage is collected and freed memory given back first. Where the C library is not glibc nothing more is done. The
    threshold cannot be read, so it ends where glibc's own ends in a process that frees blocks of 32 MiB.
    """
    gc.collect()
    try:
        libc = ctypes.CDLL(None)
        libc.mallinfo2.restype = _MallocInfo
        libc.malloc.restype = ctypes.c_void_p
    except (AttributeError, OSError, TypeError):
        yield
        return
    libc.mallopt(MMAP_THRESHOLD, SMALLEST)
    libc.malloc_trim(0)
    plugs = _plug(libc)
    try:
        yield
    finally:
        for plug in plugs:
            libc.free(ctypes.c_void_p(plug))
        libc.mallopt(MMAP_THRESHOLD, 32 * MIB)
        libc.mallopt(TRIM_THRESHOLD, 64 * MIB)


def _plug(libc: ctypes.CDLL) -> list[int]:
    """Occupy, but never touch, the heap's free blocks of 128 KiB and more: the call would settle in them and stay."""
    plugs = []
    for size in (SMALLEST << shift for shift in range(9, -1, -1)):  # from 64 MiB down
        mapped = libc.mallinfo2().hblks
        while (plug := libc.malloc(size)) and libc.mallinfo2().hblks == mapped:
            plugs.append(plug)
        libc.free(ctypes.c_void_p(plug))  # this one was mapped: the heap has no such block left
    return plugs
