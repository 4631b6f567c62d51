"""The files of a synthetic dataset, made once and never changed: pairs in DeepGlobe's layout and ``world.json``."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmark.atomic import write_atomic
from benchmark.data.base import Progress
from benchmark.data.deepglobe import PALETTE
from benchmark.data.opening import BadFileError, load
from benchmark.data.synthetic.model import World
from benchmark.data.synthetic.noise import Size
from benchmark.data.synthetic.scene import VERSION, Scene, scene
from benchmark.errors import DataError, UserError

FOLDER, WORLD_FILE = "land-train", "world.json"
FIRST_TEST_INDEX = 100_000  # test images do not change with the number of training images
JPEG_QUALITY = 92


def make_world(root: Path, world: World, size: Size, train: int, test: int, progress: Progress | None = None) -> Path:
    """Make a world of ``train`` + ``test`` pairs of ``size`` (height, width) in ``root``, or complete it.

    Raises:
        UserError: a count or the size is too small, or the folder cannot be written.
        DataError: the folder holds another world or other files.
    """
    if train < 1 or test < 1:
        raise UserError(f"--train {train}, --test {test}: a synthetic dataset needs at least one image in each split")
    plan = _plan(world, size, train, test)
    _claim(root, plan)
    indices = [*range(train), *range(FIRST_TEST_INDEX, FIRST_TEST_INDEX + test)]
    ids = [*plan["splits"]["train"], *plan["splits"]["test"]]
    for done, (index, image_id) in enumerate(zip(indices, ids, strict=True), 1):
        image_file, mask_file = root / FOLDER / f"{image_id}_sat.jpg", root / FOLDER / f"{image_id}_mask.png"
        if not (_is_sound(image_file, size) and _is_sound(mask_file, size)):
            _write_pair(image_file, mask_file, scene(world, index, size))
        if progress:
            progress(done, len(ids))
    return root


def _plan(world: World, size: Size, train: int, test: int) -> dict[str, Any]:
    """What ``world.json`` holds. Ids begin with a hash of all that determines the pixels: same id, same image."""
    made_of = {"version": VERSION, "world": dataclasses.asdict(world), "size": size}
    fingerprint = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]
    starts = {"train": (0, train), "test": (FIRST_TEST_INDEX, test)}
    splits = {
        split: [f"{fingerprint}-{index:06d}" for index in range(start, start + count)]
        for split, (start, count) in starts.items()
    }
    plan: dict[str, Any] = json.loads(json.dumps({**made_of, "splits": splits}))
    return plan


def _claim(root: Path, plan: dict[str, Any]) -> None:
    """Write ``world.json``, unless the folder belongs to another world."""
    if (root / WORLD_FILE).exists():
        if read_plan(root) != plan:
            raise DataError(
                f"{root / WORLD_FILE}: this world was made with other options; choose another folder or delete this one"
            )
        return
    if root.is_dir() and any(root.iterdir()):
        raise DataError(
            f"{root}: holds files, but no {WORLD_FILE}; choose an empty or a new folder for the synthetic dataset"
        )
    write_atomic(root / WORLD_FILE, (json.dumps(plan, indent=1) + "\n").encode())


def read_plan(root: Path) -> dict[str, Any]:
    """What ``world.json`` holds: ``version``, ``world``, ``size`` and ``splits`` (ids by split).

    Raises:
        DataError: it is missing, damaged or of another version.
    """
    file = root / WORLD_FILE
    try:
        plan: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"--root {root}: no {WORLD_FILE} here; make a world with 'isdbench data synth --out {root}'"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}); delete the folder and make the world again") from error
    if not isinstance(plan, dict) or plan.get("version") != VERSION or not {"world", "size", "splits"} <= plan.keys():
        raise DataError(f"{file}: not a world of version {VERSION}; delete the folder and make the world again")
    return plan


def _is_sound(file: Path, size: Size) -> bool:
    try:
        return load(file).size == (size[1], size[0])
    except BadFileError:
        return False


def _write_pair(image_file: Path, mask_file: Path, made: Scene) -> None:
    """Write the image as JPEG and the label as PNG in DeepGlobe's colours."""
    for file, pixels, option, value in (
        (image_file, made.image, cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY),
        (mask_file, np.array(PALETTE, np.uint8)[made.label], cv2.IMWRITE_PNG_COMPRESSION, 3),
    ):
        encoded = cv2.imencode(file.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [option, value])[1]
        write_atomic(file, bytes(encoded))
