"""Files of a traced net, written and read again to be run: ``.onnx`` by ONNX Runtime or OpenVINO, ``.pt2`` by torch."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from benchmark.errors import UserError
from benchmark.export.traced import quiet

EXTRAS = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "onnxruntime", "openvino"),  # the file is written and checked with ONNX Runtime
}
METADATA = "isdbench.json"  # in a .pt2 file
Run = Callable[[Tensor], Tensor]  # an image float32 [1, 3, H, W] to what the file gives


def require_extra(what: str, extra: str = "onnx") -> None:
    """Refuse what needs an extra, ``onnx`` or ``openvino``, where that is not installed.

    Raises:
        UserError: a library is missing; ``what`` is the file or option that needs it.
    """
    missing = [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{what} needs {' and '.join(missing)}: pip install 'isdbench[{extra}]'")


def write_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Write an ONNX file; its metadata are those of the model."""
    import onnx_ir

    output = metadata["output"].partition(":")[0]
    with quiet():
        made = torch.onnx.export(
            program,
            (),
            input_names=["image"],
            output_names=[output],
            dynamo=True,
            verbose=False,
        )
        assert made is not None  # torch returns the program where no file is named
        for value in (made.model.graph.inputs[0], made.model.graph.outputs[0]):
            assert value.shape is not None  # both are tensors
            value.shape = onnx_ir.Shape([*value.shape.dims[:-2], "height", "width"])
        made.model.metadata_props.update(metadata)
        made.save(path)


def write_pt2(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Write torch's exported program; its metadata are an extra file, ``isdbench.json``."""
    with quiet():
        torch.export.save(program, path, extra_files={METADATA: json.dumps(dict(metadata))})


def open_onnx(path: Path, threads: int, *, keep: bool = True) -> Run:
    """What runs an ONNX file on the CPU, by ONNX Runtime.

    Args:
        path: the file.
        threads: that one operator is split over.
        keep: whether freed memory is kept for the next call, as it is by default.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena, options.log_severity_level = keep, 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(image: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"image": image.numpy()})[0])

    return run


def open_openvino(path: Path, threads: int, *, keep: bool = True) -> Run:
    """As :func:`open_onnx`, by OpenVINO in float32: by itself it takes bf16 where the CPU has it."""
    import openvino

    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    model = openvino.Core().compile_model(str(path), "CPU", options)

    def run(image: Tensor) -> Tensor:
        made = torch.from_numpy(model(image.contiguous().numpy(), share_inputs=True, share_outputs=True)[0].copy())
        if not keep:
            model.release_memory()
        return made

    return run


def open_pt2(path: Path, _threads: int) -> Run:
    """What runs torch's exported program.

    Its guards say which short cuts the example of the export took; whoever checks the labels at other sizes needs none.
    """
    module = torch.export.load(path).module(check_guards=False)

    def run(image: Tensor) -> Tensor:
        made: Tensor = module(image)
        return made

    return run


WRITE = {".onnx": write_onnx, ".pt2": write_pt2}
OPEN: dict[str, Callable[[Path, int], Run]] = {".onnx": open_onnx, ".pt2": open_pt2}


def require_format(path: Path) -> None:
    """Refuse a name that says no format, or one whose libraries are missing.

    Raises:
        UserError: the file must be named otherwise, or the extra ``onnx`` installed.
    """
    if path.suffix not in WRITE:
        raise UserError(f"{path}: name a file that ends in {' or '.join(WRITE)}")
    if path.suffix == ".onnx":
        require_extra(str(path))
