"""The graph of a net for images of any size, by torch.export."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import experimental

from benchmark.data.synthetic import World, scene
from benchmark.export.part import ExportError
from benchmark.prediction import to_batch

CONFIG: Any = experimental._config  # torch adds its `patch` at run time
EXAMPLE = (269, 341)  # odd, so that the graph has the padding and enlarging that even sizes may do without


def example_image(index: int, size: tuple[int, int]) -> Tensor:
    """An image of the synthetic dataset, float32 ``[1, 3, *size]``."""
    return to_batch(scene(World(), index, size).image, "cpu")


def traced(part: nn.Module, name: str) -> ExportedProgram:
    """The graph of a module that takes one image, of any height and width.

    Raises:
        ExportError: torch cannot follow the module; ``name`` is the system's.
    """
    # Most nets are followed without a guard for each of the example's sides; torch 2.15 has no bounds for the sides of
    # an image that a net halves by a factor, and follows these with guards.
    problem: Exception | None = None
    for oblivious in (True, False):
        try:
            with quiet(), torch.inference_mode(False), torch.no_grad(), CONFIG.patch(backed_size_oblivious=oblivious):
                image, sides = example_image(0, EXAMPLE), {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
                program = torch.export.export(part, (image,), dynamic_shapes=(sides,), strict=False)
                decomposed: ExportedProgram = program.run_decompositions(_pooling())
                return decomposed
        except Exception as error:  # of many types, as the module may do anything
            problem = problem or error
    raise ExportError(
        f"system '{name}': torch cannot follow its net for images of any size ({first_line(problem)}); "
        "use 'isdbench predict'"
    ) from problem


def first_line(error: BaseException | None) -> str:
    """What an error of a library says first."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what torch logs while it follows a net: pages about each attempt."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _pooling() -> dict[Any, Any]:
    # torch's own way to ONNX unrolls the pool for the size of the example, and fails at other sizes
    operators = torch.ops.aten
    return {operators.adaptive_avg_pool2d.default: pooled, operators._adaptive_avg_pool2d.default: pooled}


def pooled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Adaptive average pooling ``[..., h, w]`` to ``[..., *size]`` as two products of matrices, for any h and w."""
    rows, columns = (_means(maps.shape[axis], count, maps) for axis, count in zip((-2, -1), size, strict=True))
    return rows @ (maps @ columns.T)


def _means(length: int, count: int, like: Tensor) -> Tensor:
    """Matrix ``[count, length]`` of the means over the stretches that torch's adaptive pooling takes."""
    index = torch.arange(count, device=like.device)[:, None]
    place = torch.arange(length, device=like.device)[None]
    start, end = index * length // count, ((index + 1) * length + count - 1) // count
    return ((place >= start) & (place < end)).to(like.dtype) / (end - start).to(like.dtype)
