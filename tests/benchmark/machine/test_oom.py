import errno

import numpy as np
import pytest
import torch

from benchmark.machine.oom import ResourceExhaustedError, is_out_of_memory


def test_real_failures_of_the_cpu_allocators_are_known():
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(10**14)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(10**14)
    assert is_out_of_memory(of_torch.value)
    assert is_out_of_memory(of_numpy.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ResourceExhaustedError("system 'x'"),
    ],
)
def test_signs_of_exhausted_memory_are_known(error):
    assert is_out_of_memory(error)


def test_the_cause_counts_too():
    error = RuntimeError("the worker failed")
    error.__cause__ = MemoryError()
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), OSError(errno.ENOSPC, "no space"), ValueError("memory")]
)
def test_other_failures_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
