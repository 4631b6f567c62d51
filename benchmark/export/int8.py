"""An exported file in 8 bits: weights and maps of its layers as integers, scaled by what calibration images show.

By ONNX Runtime's static quantisation. Weights get a scale for each channel and 7 of the 8 bits: on a CPU without VNNI
sums of full 8-bit products overflow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmark.errors import UserError
from benchmark.export.part import ExportError
from benchmark.export.traced import first_line, quiet


def quantise(path: Path, images: Iterable[Tensor]) -> None:
    """Replace an ONNX file by its form in 8 bits; its metadata stay.

    Args:
        path: the file.
        images: float32 ``[1, 3, H, W]`` as the file takes them, one after the other; at least one.

    Raises:
        ExportError: ONNX Runtime cannot quantise the file.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    try:
        with quiet(), tempfile.TemporaryDirectory(prefix="isdbench-int8-") as folder:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(path, prepared, skip_symbolic_shape=True)  # the symbolic one fails on free sizes
            quantize_static(
                prepared,
                path,
                _reader(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    except (OSError, UserError):  # a full disk, a calibration image
        raise
    except Exception as error:  # of many types: the checker, shape inference and the calibration have their own
        raise ExportError(f"{path.name}: cannot be put into 8 bits ({first_line(error)}); export it without") from error
    _describe(path, metadata)


def _reader(images: Iterable[Tensor]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the library is untyped
        def __init__(self) -> None:
            self.left = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.left, None)
            return None if image is None else {"image": image.contiguous().numpy()}

    return Reader()


def _describe(path: Path, metadata: Mapping[str, str]) -> None:
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**metadata, "weights": "int8"})
    onnx.save(model, path)
