"""What the C library (glibc) does with freed host memory during a measurement: keep it for time, return it for memory.

By default glibc maps large blocks one by one, and the kernel clears every page of each anew. That can be a third of a
net's time on a CPU (HRNet-OCR, 128x256: 3.0 against 1.9 s) and is no property of the net: a GPU's allocator keeps
freed blocks, and so do the allocators that people preload for speed. So latencies are measured with freed memory kept.
Threads other than the main one still map their blocks.

But kept memory hides what a call uses: the same call can peak twice as high after some other calls. So the one call
whose memory is measured runs with freed memory returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

MIB = 2**20
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # option numbers of mallopt, from glibc's malloc.h
NEVER = -1  # as a threshold
GLIBC_MMAP_MAX = 65536  # glibc's default for the number of blocks mapped at a time
SMALLEST = 128 * 1024  # bytes of a block that is mapped; glibc's default
_OPEN: list[None] = []  # one entry for each open `freed_memory_kept` of this process


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later: ten counters, the fourth of blocks mapped one by one."""

    _fields_ = (("before", ctypes.c_size_t * 3), ("hblks", ctypes.c_size_t), ("after", ctypes.c_size_t * 6))


def allocator() -> str:
    """How blocks of host memory are allocated during timing, for a record."""
    return "glibc, freed blocks kept" if _glibc() else "the system's, as it is"


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """While open, freed blocks of any size stay in the process for reuse. Without glibc this does nothing.

    Afterwards the options are as in a process that has freed blocks of 32 MiB, because they cannot be read before.
    """
    libc = _glibc()
    if not libc:
        yield
        return
    _OPEN.append(None)
    _set(libc)
    try:
        yield
    finally:
        _OPEN.pop()
        _set(libc)
        libc.malloc_trim(0)


@contextlib.contextmanager
def freed_memory_returned() -> Iterator[None]:
    """While open, every block of 128 KiB or more is mapped when allocated and leaves the process when freed.

    First, garbage is collected and freed memory returned. Without glibc nothing more is done. Afterwards the options
    are those of an enclosing :func:`freed_memory_kept`, or as after one.
    """
    gc.collect()
    libc = _glibc()
    if not libc:
        yield
        return
    libc.mallopt(MMAP_MAX, GLIBC_MMAP_MAX)
    libc.mallopt(MMAP_THRESHOLD, SMALLEST)
    libc.malloc_trim(0)
    plugs = _plug(libc)
    try:
        yield
    finally:
        for plug in plugs:
            libc.free(ctypes.c_void_p(plug))
        _set(libc)


def _glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc and ``malloc`` is its own and not a preloaded one."""
    try:
        process, libc = ctypes.CDLL(None), ctypes.CDLL("libc.so.6")
        _ = libc.mallopt, libc.malloc_trim
        used, own = (ctypes.cast(library.malloc, ctypes.c_void_p).value for library in (process, libc))
    except (AttributeError, OSError, TypeError):
        return None
    return libc if used == own else None


def _set(libc: ctypes.CDLL) -> None:
    """Set the options: freed memory kept if one of these contexts is open, else the usual behaviour."""
    libc.mallopt(MMAP_MAX, 0 if _OPEN else GLIBC_MMAP_MAX)
    libc.mallopt(TRIM_THRESHOLD, NEVER if _OPEN else 64 * MIB)
    libc.mallopt(MMAP_THRESHOLD, 32 * MIB)


def _plug(libc: ctypes.CDLL) -> list[int]:
    """Occupy, without touching them, the heap's free blocks of 128 KiB and more, so that the call cannot reuse them.

    Nothing is occupied where glibc is older than 2.33, which does not tell what is mapped.
    """
    if not hasattr(libc, "mallinfo2"):
        return []
    libc.mallinfo2.restype = _MallocInfo
    libc.malloc.restype = ctypes.c_void_p
    plugs = []
    for size in (SMALLEST << shift for shift in range(9, -1, -1)):  # from 64 MiB down
        mapped = libc.mallinfo2().hblks
        while (plug := libc.malloc(size)) and libc.mallinfo2().hblks == mapped:
            plugs.append(plug)
        libc.free(ctypes.c_void_p(plug))  # this one was mapped: the heap has no such block left
    return plugs
