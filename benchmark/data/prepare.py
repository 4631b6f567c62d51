"""Brings a download into the official folder layout, for ``isdbench data prepare``.

The readers take every known layout where it lies; this is for archives, and for who wants one layout.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import PIL.Image

from benchmark import registry
from benchmark.data.base import Progress
from benchmark.data.folder import FolderDataset
from benchmark.data.verify import VerifyReport, verify_folder
from benchmark.errors import DataError, UserError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError)


def prepare(name: str, source: Path | None, out: Path, progress: Progress | None = None) -> VerifyReport:
    """Lay out a dataset under ``out`` and check it. Files are linked where the disk allows it, else copied.

    ``source`` is a folder in a known layout, an archive, or a folder of archives. Files that are there already stay.

    Raises:
        UserError: the dataset is not one that lies in a folder.
        DataError: the source is missing, damaged, or does not hold the dataset.
    """
    reader = registry.dataset(name)
    if not issubclass(reader, FolderDataset) or reader.info.synthetic:
        raise UserError(f"--dataset {name}: there is nothing to prepare; known: deepglobe, inria, cityscapes")
    if source is None or not source.exists():
        found = "is missing" if source is None else f"{source}: no such file or folder"
        raise DataError(f"--root {found}: give the download; {reader.info.title} is to be had at {reader.info.where}")
    try:
        return _prepared(reader, source, out, progress)
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be written: {error.strerror}; free space or choose another folder"
        ) from error


def _prepared(reader: type[FolderDataset], source: Path, out: Path, progress: Progress | None) -> VerifyReport:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=out) as unpacked:
        dataset = _open(reader, source, Path(unpacked))
        for image_id, file in dataset.image_files:
            _place(file, out / _official(dataset, dataset.layouts[0].images[0], image_id, file))
        for image_id, file in dataset.label_files:
            target = out / _official(dataset, dataset.layouts[0].labels[0], image_id, file)
            _place(file, target, None if dataset.layout.official else dataset)
    return verify_folder(reader(out), progress)


def _open(reader: type[FolderDataset], source: Path, unpacked: Path) -> FolderDataset:
    archives = _archives(reader, source)
    for archive in archives:
        _unpack(archive, unpacked)
    folder = unpacked if archives else source
    below = [path for depth in ("*", "*/*") for path in sorted(folder.glob(depth)) if path.is_dir()]
    fitting = [path for path in (folder, *below) if any(layout.fit(path) for layout in reader.layouts)]
    if not fitting:
        reader(folder)  # raises, and says what was looked for
    return max(map(reader, fitting), key=lambda dataset: len(dataset.available_ids()))


def _archives(reader: type[FolderDataset], source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if any(layout.fit(source) == 2 for layout in reader.layouts):  # unpacked already, beside its archive
        return []
    return [file for file in sorted(source.iterdir()) if file.name.lower().endswith(ARCHIVES)]


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack with the standard library's guards against paths that lead out of the folder."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(folder)
        else:
            with tarfile.open(archive) as tarred:
                tarred.extractall(folder, filter="data")
    except _DAMAGED as error:
        known, reason = ", ".join(ARCHIVES), " ".join(str(error).split())
        raise DataError(
            f"{archive}: cannot be unpacked ({reason}); download it again if it is damaged (known archives: {known})"
        ) from error


def _official(dataset: FolderDataset, pattern: str, image_id: str, file: Path) -> Path:
    """Path of a file under the root in the official layout."""
    if pattern.count("*") > 1:  # Cityscapes: all known layouts have the official folders
        return file.relative_to(dataset.root)
    return Path(pattern.replace("*", image_id))


def _place(file: Path, target: Path, recode: FolderDataset | None = None) -> None:
    """Link or copy a file, or write a mask anew as the official ones are; whole or not at all."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".part-{target.name}")
    part.unlink(missing_ok=True)
    if recode:
        PIL.Image.fromarray(recode.official_mask(recode.read_mask(file))).save(part)
    else:
        try:
            part.hardlink_to(file)
        except OSError:  # another disk, or one without links
            shutil.copyfile(file, part)
    part.replace(target)
