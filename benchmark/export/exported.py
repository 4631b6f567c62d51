"""An exported ONNX file in the place of a system, so that it is scored as the system is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmark import registry
from benchmark.card import Card
from benchmark.errors import UserError
from benchmark.export.formats import open_onnx, require_extra
from benchmark.export.part import ExportError
from benchmark.system import System


def described(path: Path) -> dict[str, str]:
    """What an ONNX file says about itself: system, dataset, classes, input and output.

    Raises:
        UserError: the extra is not installed, or the file is none that ``isdbench export`` has written.
    """
    if not path.is_file():
        raise UserError(f"--exported {path}: no such file; write one with 'isdbench export'")
    if path.suffix != ".onnx":
        raise UserError(f"--exported {path}: only .onnx files are scored; write one with 'isdbench export'")
    require_extra(f"--exported {path}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own types, one for each fault of a file
        raise UserError(
            f"--exported {path}: cannot be read as an ONNX file; write one with 'isdbench export'"
        ) from error
    words: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if not {"system", "dataset", "classes"} <= words.keys():
        raise UserError(f"--exported {path}: says no system or dataset; write one with 'isdbench export'")
    return words


def exported_system(card: Card, path: Path, words: Mapping[str, str], num_classes: int) -> System:
    """A system whose ``predict`` is answered by a file that holds the entire call; its own weights are random.

    ``words`` are what the file says about itself, see :func:`described`.

    Raises:
        ExportError: the file is of another system, or has another number of classes.
    """
    if words["system"] != card.name:
        raise ExportError(f"--exported {path}: is of system '{words['system']}', not '{card.name}'; name that one")
    if (count := len(json.loads(words["classes"]))) != num_classes:
        raise ExportError(
            f"--exported {path}: has {count} classes, the dataset has {num_classes}; name its own dataset"
        )
    system = registry.build(card, num_classes)
    vars(system)["predict"] = open_onnx(path, torch.get_num_threads())
    return system
