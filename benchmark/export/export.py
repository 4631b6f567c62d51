"""Export a system: trace it, write the file beside its place, compare its labels with torch's, put it there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark.atomic import WriteError
from benchmark.card import SlidingWindow
from benchmark.errors import UserError
from benchmark.export.formats import OPEN, WRITE, Run
from benchmark.export.int8 import quantise
from benchmark.export.part import ExportError, PatchPass, WholeCall, exported_part
from benchmark.export.traced import example_image, first_line, traced
from benchmark.system import System

LEAST_AGREEMENT = 0.999  # share of pixels with the same label
UNSEEN = ((192, 416), (333, 257))  # sizes on which a file is tried: multiples of 32, and odd; neither is the example's


@dataclass(frozen=True)
class Agreement:
    """How the labels of an exported file compare with those of the system at one size."""

    size: tuple[int, int]
    share: float  # of the pixels whose label is the same
    classes: int  # that the system's labels hold: of a single one the comparison says little


def export(
    system: System, out: Path, metadata: Mapping[str, str], calibration: Iterable[Tensor] | None = None
) -> list[Agreement]:
    """Write a system's inference form as ``out``; its ending names the format.

    Args:
        system: in its inference form, in eval mode, on the CPU.
        out: the file, which is replaced only when the new one has passed.
        metadata: words that the file carries, beside those about its input and output.
        calibration: images ``[1, 3, H, W]`` by which an ONNX file is put into 8 bits; such a file may have other
            labels, so its accuracy has to be scored.

    Raises:
        ExportError: the system cannot be exported, or the file gives other labels.
        WriteError: the folder cannot be written to.
    """
    part, name = exported_part(system), system.card.name
    program = traced(part, name)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            made = Path(folder) / out.name
            found = _written(program, part, made, {**metadata, **described(part)}, calibration)
            if calibration is None:
                _require_agreement(found, out, name)
            made.replace(out)
    except OSError as error:
        raise WriteError(f"{out}: cannot be written ({error.strerror}); free space or name another file") from error
    return found


def described(part: WholeCall | PatchPass) -> dict[str, str]:
    """What a file says about its input and output."""
    words = {"input": "image: float32 [1, 3, height, width], RGB, 0 to 1", "output": part.output}
    window = part.system.card.inference
    if isinstance(window, SlidingWindow):
        words |= {"patch": str(window.patch), "overlap": str(window.overlap)}
    return words


def _written(
    program: torch.export.ExportedProgram,
    part: WholeCall | PatchPass,
    path: Path,
    metadata: Mapping[str, str],
    calibration: Iterable[Tensor] | None,
) -> list[Agreement]:
    """Write the file, open it again and run it at the sizes that the export has not seen."""
    try:
        WRITE[path.suffix](program, path, metadata)
        if calibration is not None:
            quantise(path, calibration)
        run = OPEN[path.suffix](path, torch.get_num_threads())
        return [agreement(part, run, size) for size in UNSEEN]
    except (OSError, UserError):
        raise
    except Exception as error:  # of many types: converter, runtime and checker have their own
        raise ExportError(
            f"system '{part.system.card.name}': cannot be written as {path.suffix} ({first_line(error)}); "
            f"try {' or '.join(ending for ending in WRITE if ending != path.suffix)}"
        ) from error


@torch.inference_mode()
def agreement(part: nn.Module, run: Run, size: tuple[int, int]) -> Agreement:
    """Compare what a file gives with what torch gives, on an image of the synthetic dataset."""
    image = example_image(1, size)
    wanted, given = _labels(part(image)), _labels(run(image))
    share = float((wanted == given).double().mean()) if wanted.shape == given.shape else 0.0
    return Agreement(size, share, len(torch.unique(wanted)))


def _labels(made: Tensor) -> Tensor:
    return made.argmax(1) if made.is_floating_point() else made  # a patch's logits; else labels already


def _require_agreement(found: list[Agreement], out: Path, name: str) -> None:
    worst = min(found, key=lambda one: one.share)
    if worst.share < LEAST_AGREEMENT:
        raise ExportError(
            f"{out}: not written: at {worst.size[0]}x{worst.size[1]} only {100 * worst.share:.3f} % of the labels are "
            f"those of system '{name}'; use 'isdbench predict'"
        )
