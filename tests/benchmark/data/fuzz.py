"""Reads mutated files: ``python -m tests.benchmark.data.fuzz COUNT FOLDER``, a process of its own.

Each reader is given good files with flipped bits, lost, added and exchanged bytes. It may return or raise an error that
the project's users see as one line. Anything else ends the process: another exception, a file that takes longer than
LIMIT_S (the alarm kills the process, in C code too), memory beyond that of the good files. The file at work is left in
FOLDER, and the last line of stdout is a JSON object of counts.
"""

import contextlib
import json
import random
import resource
import shutil
import signal
import sys
import warnings
import zlib
from collections import Counter
from pathlib import Path

import torch

from benchmark.data.card_file import FILE, dataset_of
from benchmark.data.deepglobe import DeepGlobe
from benchmark.data.duplicates import fingerprint
from benchmark.data.opening import header_size
from benchmark.data.prepare import prepare
from benchmark.data.raster import open_image, open_labels
from benchmark.data.reading import read_rgb
from benchmark.errors import UserError
from benchmark.weights.files import load_state, trained_ratio
from results.store import read_record
from tests.benchmark.data import odd
from tests.benchmark.data.bad_inputs import MASK, SAT
from tests.results.records import record

LIMIT_S = 20
GROWTH_MIB = 256  # a constant, for 32 MiB of pixels that a header may claim; twice the memory of a good file is less


def all_of(deciding, *others):
    """Read a file in several ways; it is refused if the first one refuses it."""

    def read(path):
        for reader in others:
            with contextlib.suppress(UserError):
                reader(path)
        deciding(path)

    return read


def windows(path, opened=open_image):
    with opened(path) as source:
        return source.rows(0, source.size[0]) if source.size[0] * source.size[1] < 10**6 else source.rows(0, 1)


def described(path):
    dataset = dataset_of(path)(path.parent)
    return [dataset.read(image_id) for split in dataset.splits for image_id in dataset.ids(split)]


def mask_of(path):
    home = path.parent / "described"
    if not home.is_dir():
        odd.dataset_in(home)
    return dataset_of(home / FILE)(home).read_mask(path)


def prepared(path):
    shutil.rmtree(path.parent / "out", ignore_errors=True)
    return prepare(DeepGlobe, path, path.parent / "out")


IMAGE = all_of(read_rgb, header_size, windows, fingerprint)
LABELS = all_of(mask_of, lambda path: windows(path, open_labels))
WEIGHTS = {"a": torch.ones(3, 4), "b": torch.zeros(5)}
TILES = {"tiled": True, "blockxsize": 16, "blockysize": 16}
COLOURS = odd.COLOURS[odd.LABEL]
GOOD = {  # by suffix and kind: how a good file is written, and what reads it
    "jpg": (odd.saved(kind="JPEG"), IMAGE),
    "progressive.jpg": (odd.turned(6, "JPEG", progressive=True), IMAGE),
    "png": (odd.saved(), IMAGE),
    "turned.png": (odd.turned(6), IMAGE),
    "tif": (odd.saved(kind="TIFF"), IMAGE),
    "lzw.tif": (odd.saved(kind="TIFF", compression="tiff_lzw"), IMAGE),
    "tiles.tif": (odd.tiff(odd.PIXELS, compress="deflate", **TILES), IMAGE),
    "big.tif": (odd.tiff(odd.PIXELS, BIGTIFF="YES"), IMAGE),
    "webp": (odd.saved(kind="WEBP"), IMAGE),
    "lossless.webp": (odd.saved(kind="WEBP", lossless=True), IMAGE),
    "jp2": (odd.saved(kind="JPEG2000"), IMAGE),
    "mask.png": (odd.saved(odd.LABEL), LABELS),
    "palette.png": (odd.saved(odd.coloured()), LABELS),
    "colours.png": (odd.saved(COLOURS), LABELS),
    "mask.tif": (odd.tiff(odd.LABEL[..., None], compress="lzw"), LABELS),
    "safetensors": (odd.safetensors(WEIGHTS, ratio="1"), all_of(load_state, trained_ratio)),
    "pth": (odd.torch_file({"state_dict": WEIGHTS}), load_state),
    "cost.json": (odd.raw(record("cost", "stdc").model_dump_json()), read_record),
    "accuracy.json": (odd.raw(record("accuracy", "stdc").model_dump_json()), read_record),
    FILE: (odd.card(), described),
    "zip": (odd.zipped(SAT, MASK), prepared),
}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The bytes of a file with one to three changes, half of them in its first part, where headers are."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        end = max(1, min(len(changed), draw.choice((128, len(changed) + 1))))
        start = draw.randrange(end)
        length = draw.choice((1, 2, 4, 16, 200))
        chunk, kind = changed[start : start + length], draw.randrange(7)
        if kind == 0 and chunk:
            changed[start] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[start : start + length] = draw.choice((b"\0", b"\xff", b"\x7f", b"9")) * len(chunk)
        elif kind == 2:
            changed[start:start] = draw.randbytes(length)
        elif kind == 3:
            del changed[start : start + length]
        elif kind == 4:
            changed[start : start + length] = draw.randbytes(len(chunk))
        elif kind == 5:
            place = draw.randrange(len(changed) + 1)
            changed[place:place] = chunk
        elif draw.random() < 0.3:
            del changed[draw.randrange(len(changed) + 1) :]
    return bytes(changed)


def with_sums(data: bytes) -> bytes:
    """A PNG whose check sums are right again, so that more than these are tried."""
    done, place = bytearray(data), 8
    while place + 12 <= len(done):
        end = place + 8 + int.from_bytes(done[place : place + 4], "big")
        if end + 4 > len(done):
            break
        done[end : end + 4] = zlib.crc32(done[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(done)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def outcome(path: Path) -> str:
    """Whether a file was read or refused in one line."""
    signal.alarm(LIMIT_S)
    try:
        GOOD[path.name][1](path)
    except UserError as error:
        if "\n" in str(error):
            raise AssertionError(f"{path}: more than a line: {error}") from error
        return "refused"
    finally:
        signal.alarm(0)
    return "read"


def main(count: int, folder: Path) -> None:
    warnings.simplefilter("ignore")
    home, counts, good = odd.dataset_in(folder / "work"), Counter(), {}
    for name, (write, read) in GOOD.items():
        path = home / name
        path.unlink(missing_ok=True)
        write(path)
        good[name] = path.read_bytes()
        read(path)
    usual = peak_mib()
    for number in range(count):
        name = list(GOOD)[number % len(GOOD)]
        data = mutated(good[name], random.Random(number))
        (home / name).write_bytes(with_sums(data) if name.endswith("png") and number % 2 else data)
        counts[f"{name}: {outcome(home / name)}"] += 1
        more = peak_mib() - usual
        assert more < GROWTH_MIB, f"file {number}, {home / name}: {more:.0f} MiB more than good files"
    print(json.dumps({**counts, "peak_mib_over_good": round(peak_mib() - usual, 1)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
