"""Lays a download out in the official folders, for ``isdbench data prepare``.

The readers accept every known layout as it is; this unpacks archives, and converts to the official layout.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import PIL.Image

from benchmark.data.base import Dataset, Progress
from benchmark.data.folder import FolderDataset
from benchmark.data.layout import moved
from benchmark.data.manifest import write_manifest
from benchmark.data.opening import require_plain
from benchmark.data.verify import VerifyReport, verify_folder
from benchmark.errors import DataError, UserError
from results.store import one_line

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
HARMLESS_BYTES = 2**30  # unpacked, whatever the ratio
MOST_PACKED = 100  # unpacked over packed size: images are packed before they enter an archive
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, NotImplementedError)


def prepare(reader: type[Dataset], source: Path | None, out: Path, progress: Progress | None = None) -> VerifyReport:
    """Lay out a dataset under ``out``, with a manifest, and check it. Files are linked where the disk allows it.

    Args:
        reader: of the dataset.
        source: a folder in a known layout, an archive, or a folder of archives.
        out: the new root. Files that are already there are kept.
        progress: called after each image that is checked.

    Raises:
        UserError: the dataset is made, not downloaded; or ``out`` cannot be written.
        DataError: the source is missing, damaged, or does not hold the dataset.
    """
    info = reader.info
    if not issubclass(reader, FolderDataset) or info.synthetic:
        raise UserError(f"--dataset {info.name}: there is no download to prepare; get it from {info.where}")
    if source is None or not source.exists():
        found = "is missing" if source is None else f"{source}: no such file or folder"
        raise DataError(f"--root {found}: name the download; get {info.title} from {info.where}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=out) as unpacked:
            _lay_out(_opened(reader, source, Path(unpacked)), out)
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be written: {error.strerror}; free space or choose another folder"
        ) from error
    dataset = reader(out)
    write_manifest(out)
    return verify_folder(dataset, progress)


def _opened(reader: type[FolderDataset], source: Path, unpacked: Path) -> FolderDataset:
    """The dataset in the source, whose archives are unpacked into ``unpacked``: the folder with most images."""
    archives: list[Path] = []
    if not source.is_dir():
        require_plain(source)
        archives = [source]
    elif not any(layout.fit(source) == 2 for layout in reader.layouts):  # else it is unpacked beside its archive
        archives = [file for file in sorted(source.iterdir()) if file.name.lower().endswith(ARCHIVES)]
    for archive in archives:
        _unpack(archive, unpacked)
    folder = unpacked if archives else source
    below = [path for depth in ("*", "*/*") for path in sorted(folder.glob(depth)) if path.is_dir()]
    fitting = [path for path in (folder, *below) if any(layout.fit(path) for layout in reader.layouts)]
    if not fitting:
        reader(folder)  # raises, and says what was looked for
    return max(map(reader, fitting), key=lambda dataset: len(dataset.available_ids()))


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack with the standard library's guards against paths that lead out of the folder."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                if any(one.flag_bits & 1 for one in zipped.infolist()):
                    raise DataError(f"{archive}: is encrypted; unpack it with its password and name that folder")
                _require_room(archive, folder, sum(one.file_size for one in zipped.infolist()))
                zipped.extractall(folder)
        else:
            with tarfile.open(archive) as tarred:
                _require_room(archive, folder, sum(one.size for one in tarred))
                tarred.extractall(folder, filter="data")
    except _DAMAGED as error:
        known, reason = ", ".join(ARCHIVES), one_line(str(error), longest=100)
        raise DataError(
            f"{archive}: cannot be unpacked ({reason}); download it again if it is damaged (known archives: {known})"
        ) from error


def _require_room(archive: Path, folder: Path, unpacked: int) -> None:
    """Refuse an archive before anything is written that would fill the disk."""
    packed, free = archive.stat().st_size, shutil.disk_usage(folder).free
    if unpacked > max(HARMLESS_BYTES, MOST_PACKED * packed):
        raise DataError(
            f"{archive}: {packed:,} bytes that unpack to {unpacked:,}: no archive of images; download it again"
        )
    if unpacked > free:
        raise DataError(
            f"{archive}: unpacks to {unpacked:,} bytes, and {folder.parent} has room for {free:,}; free some"
        )


def _lay_out(dataset: FolderDataset, out: Path) -> None:
    """Link, copy or convert every file of a dataset, its lists too, into the official layout under ``out``."""
    layout, official = dataset.layout, dataset.layouts[0]
    for _, file in dataset.image_files:
        _place(file, out / moved(file.relative_to(dataset.root), layout.images, official.images))
    for _, file in dataset.label_files:
        target = out / moved(file.relative_to(dataset.root), layout.labels, official.labels)
        _place(file, target, None if layout.official else dataset)
    for name in dataset.lists:
        if (dataset.root / name).is_file():
            _place(dataset.root / name, out / name)


def _place(file: Path, target: Path, recode: FolderDataset | None = None) -> None:
    """Link or copy a file, or recode a mask as in the release; completely or not at all."""
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
