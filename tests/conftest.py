"""All tests train and infer on the heap of a measurement, which keeps freed blocks: it is faster."""

import pytest

from benchmark.machine.allocator import freed_memory_kept


@pytest.fixture(scope="session", autouse=True)
def heap():
    with freed_memory_kept():
        yield
