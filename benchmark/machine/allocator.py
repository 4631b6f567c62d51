"""The C heap (glibc's) while something is measured: made retentive for time, forgetful for memory.

glibc maps blocks above a threshold one by one, and the kernel clears every page of each anew. That may be a third of a
net's time on a CPU (HRNet-OCR, 128x256: 3.0 against 1.9 s) and says nothing about the net; a GPU's allocator keeps
freed blocks, and so do those that are preloaded for speed. Threads other than the main one still map theirs.

But what is kept hides what a call uses: the same call peaks up to twice as high after some others. So the one call
whose memory is read runs on a heap that keeps nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

MIB = 2**20
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # option numbers of mallopt, from glibc's malloc.h
NEVER = -1  # as a threshold
GLIBC_MMAP_MAX = 65536  # blocks mapped at a time, as glibc starts
SMALLEST = 128 * 1024  # bytes of a block that is mapped; glibc starts with the same
_OPEN: list[None] = []  # one entry for each retentive heap that is open in this process


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later: ten counters, the fourth of blocks mapped one by one."""

    _fields_ = (("before", ctypes.c_size_t * 3), ("hblks", ctypes.c_size_t), ("after", ctypes.c_size_t * 6))


def allocator() -> str:
    """How blocks on the host are allocated while something is timed, for a record."""
    return "glibc, freed blocks kept" if _glibc() else "the system's, as it is"


@contextlib.contextmanager
def retentive_heap() -> Iterator[None]:
    """While open, freed blocks of any size stay in the process for the next one; with a C library but glibc, nothing.

    Afterwards the heap is as glibc leaves it in a process that has freed blocks of 32 MiB: options cannot be read.
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
def forgetful_heap() -> Iterator[None]:
    """While open, every block of 128 KiB or more is mapped when allocated and leaves the process when freed.

    Garbage is collected and freed memory given back first. With a C library but glibc nothing more is done. Afterwards
    the heap is as after :func:`retentive_heap`, or retentive again inside of one.
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
    """The C library, if it is glibc and ``malloc`` is its own and no preloaded one."""
    try:
        process, libc = ctypes.CDLL(None), ctypes.CDLL("libc.so.6")
        _ = libc.mallopt, libc.malloc_trim
        used, own = (ctypes.cast(library.malloc, ctypes.c_void_p).value for library in (process, libc))
    except (AttributeError, OSError, TypeError):
        return None
    return libc if used == own else None


def _set(libc: ctypes.CDLL) -> None:
    """Options of a retentive heap while one is open, else of a usual one."""
    libc.mallopt(MMAP_MAX, 0 if _OPEN else GLIBC_MMAP_MAX)
    libc.mallopt(TRIM_THRESHOLD, NEVER if _OPEN else 64 * MIB)
    libc.mallopt(MMAP_THRESHOLD, 32 * MIB)


def _plug(libc: ctypes.CDLL) -> list[int]:
    """Occupy, but never touch, the heap's free blocks of 128 KiB and more: the call would settle in them and stay.

    None where glibc is older than 2.33, which does not tell what is mapped.
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
