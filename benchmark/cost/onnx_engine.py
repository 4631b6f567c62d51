"""ONNX Runtime instead of torch: a system's ``predict`` is answered by its exported file, all else stays as it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmark.cost.timed_system import LabelsError, TimedSystem
from benchmark.export.export import LEAST_AGREEMENT, export
from benchmark.export.formats import open_onnx
from benchmark.export.part import require_one_call

REGIONS = ("predict", "end_to_end")  # the others end inside the file


def use_onnx(timed: TimedSystem) -> float:
    """Let ONNX Runtime answer ``predict``; returns the share of the pixels whose label is torch's.

    The file is written anew in each process: its graph is a function of the system, its weights of the cell's seed.

    Raises:
        ExportError: the system cannot be exported as one call.
        LabelsError: too many labels of the timed image are not torch's.
    """
    require_one_call(timed.system.card)
    folder = tempfile.TemporaryDirectory(prefix="isdbench-onnx-")
    file = Path(folder.name) / "system.onnx"
    export(timed.system, file, {})
    own = timed.system.predict(timed.batch)  # after the export, which leaves sizes of its own in `work`
    answer(timed, file, arena=True)
    share = float((timed.system.predict(timed.batch) == own).double().mean())
    if share < LEAST_AGREEMENT:
        raise LabelsError(
            f"system '{timed.system.card.name}': ONNX Runtime gives only {100 * share:.3f} % of torch's labels; "
            "measure with --engine torch"
        )

    def without_arena() -> None:
        answer(timed, file, arena=False)
        folder.cleanup()

    timed.before_memory = without_arena
    absent = "ONNX Runtime answers the entire call, from image to labels"
    timed.regions_absent |= {name: absent for name in timed.protocol.timed_regions if name not in REGIONS}
    return share


def answer(timed: TimedSystem, file: Path, *, arena: bool) -> None:
    """Put a session in the place of ``predict``. Its arena keeps what a call has used, so memory is read without it."""
    vars(timed.system)["predict"] = open_onnx(file, timed.protocol.threads or 1, arena=arena)
