"""What ``predict`` writes for one image: the label map and, where asked for, probabilities."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.data.base import DatasetInfo
from benchmark.data.raster import open_image
from benchmark.data.raster_output import NO_LABEL, RUN, label_writer, share_writer
from benchmark.large.predict import Settings, Slab, procedure, slabs_of
from benchmark.large.seams import Seams
from benchmark.system import System


@dataclass(frozen=True)
class Made:
    """How a label map was made."""

    procedure: str
    seam_score: float | None  # share of label changes at window borders over that elsewhere; None without windows

    def __str__(self) -> str:
        seams = f"; seam score {self.seam_score:.2f}" if self.seam_score is not None else ""
        return f"{self.procedure}{seams}"


def predict_file(
    system: System,
    path: Path,
    out: Path,
    info: DatasetInfo,
    settings: Settings,
    *,
    run: str = "",
    probabilities: Path | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Made:
    """Write the labels of an image; how they were made stands in the file's metadata too.

    Args:
        system: trained, in eval mode, on the device.
        path: of the image.
        out: of the label map, PNG or TIFF.
        info: the dataset whose classes the system knows.
        settings: see there; ``logits`` must be set where probabilities are wanted.
        run: fingerprint that the label map carries in its metadata.
        probabilities: TIFF with a band for each class, 0 to 255.
        progress: told the pixels done and the pixels in all.

    Raises:
        BadFileError: the image cannot be read.
        ResourceExhaustedError: the memory budget is too small; the message names the way out.
        UserError: the output cannot be written.
    """
    with open_image(path) as source, contextlib.ExitStack() as files:
        made = procedure(system, source, settings)
        notes = {"System": system.card.name, "Classes": ", ".join(info.classes), "Procedure": made.words, RUN: run}
        writer = files.enter_context(label_writer(out, source, info.palette, notes))
        shares = (
            files.enter_context(share_writer(probabilities, source, info.classes, notes)) if probabilities else None
        )
        seams = Seams(source.size, made.window) if made.window else None
        done = 0
        for slab in slabs_of(made, source, system):
            missing = source.missing(slab.top, len(slab.labels), slab.columns)
            labels = slab.labels if missing is None else np.where(missing, np.uint8(NO_LABEL), slab.labels)
            writer.write(slab.top, labels, slab.left)
            if seams:
                seams.add(slab.top, slab.labels, slab.left)
            if shares:
                shares.write(slab.top, _shares(slab), slab.left)
            done += slab.labels.size
            progress(done, source.size[0] * source.size[1])
    return Made(made.words, seams.score() if seams else None)


def _shares(slab: Slab) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Probabilities of the classes, uint8 ``[C, rows, W]``, 255 = certain."""
    assert slab.logits is not None  # asked for, and refused before where a system has none
    return slab.logits[0].float().softmax(dim=0).mul_(255).round_().byte().cpu().numpy()
