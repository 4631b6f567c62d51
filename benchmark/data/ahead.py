"""Decoding ahead: while a net is at work on one image, threads read the next ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from benchmark.data.base import Dataset, Image, Label

THREADS = 4  # decoding releases the interpreter's lock
AHEAD_BYTES = 2**28  # of decoded images that wait; larger ones are read when they are needed
PIXEL_BYTES = 4  # colours and label


def read_ahead(dataset: Dataset, ids: Sequence[str]) -> Iterator[tuple[Image, Label]]:
    """Image and label of each id, in order. Memory does not grow with the number of ids.

    Raises:
        DataError: an image cannot be read; those before it have been given.
    """
    height, width = dataset.info.image_size
    ahead = min(THREADS, AHEAD_BYTES // (PIXEL_BYTES * height * width))
    if not ahead:
        yield from map(dataset.read, ids)
        return
    readers, left = ThreadPoolExecutor(ahead), iter(ids)
    waiting: deque[Future[tuple[Image, Label]]] = deque()

    def read(count: int) -> None:
        waiting.extend(readers.submit(dataset.read, image_id) for image_id in islice(left, count))

    try:
        read(ahead)
        while waiting:
            pair = waiting.popleft().result()
            read(1)
            yield pair
    finally:
        readers.shutdown(cancel_futures=True)
