"""All tests train and infer on the heap of a measurement, which keeps freed blocks: it is faster."""

import pytest

from benchmark.machine.allocator import retentive_heap


@pytest.fixture(scope="session", autouse=True)
def heap():
    with retentive_heap():
        yield
