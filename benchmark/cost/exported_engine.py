"""Another engine than torch: a system's ``predict`` is answered by its exported file, all else stays as it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmark.cost.timed_system import LabelsError, TimedSystem
from benchmark.export.export import LEAST_AGREEMENT, export
from benchmark.export.formats import open_onnx, open_openvino
from benchmark.export.int8 import quantise
from benchmark.export.part import require_one_call
from results.cell import ENGINES

INT8 = "-int8"  # at the end of an engine's name
OPEN = {"onnx": open_onnx, "openvino": open_openvino}
REGIONS = ("predict", "end_to_end")  # the others end inside the file


def use_exported(timed: TimedSystem) -> float:
    """Let the protocol's engine answer ``predict``; returns the share of the pixels whose label is torch's.

    A file in 8 bits is calibrated on the timed image, and may have other labels: its accuracy is another question. The
    file is written anew in each process: its graph is a function of the system, its weights of the cell's seed.

    Raises:
        ExportError: the system cannot be exported as one call.
        LabelsError: a file that is not in 8 bits gives too many labels of the timed image that are not torch's.
    """
    require_one_call(timed.system.card)
    name = ENGINES[timed.protocol.engine]
    folder = tempfile.TemporaryDirectory(prefix="isdbench-onnx-")
    file = Path(folder.name) / "system.onnx"
    export(timed.system, file, {})
    in_8_bits = timed.protocol.engine.endswith(INT8)
    if in_8_bits:
        quantise(file, [timed.batch])
        timed.bytes_in_8_bits = file.stat().st_size
    own = timed.system.predict(timed.batch)  # after the export, which leaves sizes of its own in `work`
    answer(timed, file, keep=True)
    share = float((timed.system.predict(timed.batch) == own).double().mean())
    if share < LEAST_AGREEMENT and not in_8_bits:
        raise LabelsError(
            f"system '{timed.system.card.name}': {name} gives only {100 * share:.3f} % of torch's labels; "
            "measure with --engine torch"
        )

    def without_kept_memory() -> None:
        answer(timed, file, keep=False)
        folder.cleanup()

    timed.before_memory = without_kept_memory
    absent = f"{name} answers the entire call, from image to labels"
    timed.regions_absent |= {region: absent for region in timed.protocol.timed_regions if region not in REGIONS}
    return share


def answer(timed: TimedSystem, file: Path, *, keep: bool) -> None:
    """Put a session in the place of ``predict``. It may keep what a call has used, so memory is read without that."""
    opened = OPEN[timed.protocol.engine.removesuffix(INT8)]
    vars(timed.system)["predict"] = opened(file, timed.protocol.threads or 1, keep=keep)
