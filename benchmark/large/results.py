"""The files that ``predict`` writes for an image, and whether they are there from an earlier run of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.data.raster import TIFF, has_rasterio, image_size
from benchmark.data.raster_output import is_ours, run_of
from benchmark.errors import UserError
from benchmark.large.predict import Settings
from results.cell import digest

OVERLAY_PIXELS = 50_000_000  # no overlay of a larger image: a viewer shows a TIFF's pyramid instead


@dataclass(frozen=True)
class Results:
    """What is written for an image; None if it was not asked for."""

    labels: Path
    overlay: Path
    probabilities: Path | None
    polygons: Path | None


def results_of(image: Path, out: Path, suffix: str | None, probabilities: bool, polygons: bool) -> Results:
    """The files of an image in folder ``out``, named after its stem; ``suffix`` of the labels, None for the usual."""
    usual = ".tif" if image.suffix.lower() in TIFF and has_rasterio() else ".png"
    base = out / image.stem
    return Results(
        labels=Path(f"{base}_labels{suffix or usual}"),
        overlay=Path(f"{base}_overlay.png"),
        probabilities=Path(f"{base}_probabilities.tif") if probabilities else None,
        polygons=Path(f"{base}_labels.geojson") if polygons else None,
    )


def require_free(files: Mapping[Path, Results]) -> None:
    """Check that no result takes another file's place. Those of earlier runs may be written again.

    Raises:
        UserError: two images have one stem, or a file that ``predict`` did not write would be lost.
    """
    stems = [path.stem for path in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UserError(
            f"two images are named '{twice}'; their results would overwrite each other: predict them one by one"
        )
    for file in (file for found in files.values() for file in vars(found).values() if file):
        if file.exists() and not is_ours(file):
            out = f"--out {file.parent}: {file.name}"
            raise UserError(f"{out} exists and was not written by 'predict'; choose another folder")


def fingerprint(image: Path, system: str, dataset: str, weights: str, settings: Settings, files: Results) -> str:
    """Tells runs apart whose results differ. An image is known by its length and its time of change.

    ``weights`` is the hash of the weights file.
    """
    how = {name: value for name, value in asdict(settings).items() if name not in ("device", "budget_mib")}
    kinds = [name for name, file in vars(files).items() if file]
    status = image.stat()
    return digest([system, dataset, weights, how, kinds, status.st_size, status.st_mtime_ns])


def is_done(image: Path, files: Results, run: str) -> bool:
    """Whether an earlier run with this fingerprint wrote all files of an image; the overlay is the last of them."""
    if not files.labels.exists() or run_of(files.labels) != run:
        return False
    wanted = [file for file in vars(files).values() if file]
    missing = [file for file in wanted if not file.exists()]
    return not missing or (missing == [files.overlay] and _is_large(image))


def _is_large(image: Path) -> bool:
    height, width = image_size(image)
    return height * width > OVERLAY_PIXELS
