"""ImageNet weights: a local file, else a download, else none with a reason. Files are checked by hash.

Nothing in a file is executed, and a system without its weights can still be trained.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmark.atomic import write_atomic
from benchmark.card import ImageNetWeights
from benchmark.system import System
from benchmark.weights.files import WeightsError, is_html, load_state

Mode = Literal["auto", "local", "off"]  # auto: a local file, else a download
FOLDER_VARIABLE = "ISDBENCH_WEIGHTS"
TIMEOUT_SECONDS = 20.0  # without a response
RECORDED_DIGITS = 16  # of the sha256, in a record


def default_folder() -> Path:
    """Where ImageNet weights are looked for and downloaded to; it need not exist.

    The environment variable ``ISDBENCH_WEIGHTS`` names it. Without it, the folder is ``isdbench/weights`` in the
    user's cache: ``XDG_CACHE_HOME``, or ``~/.cache``.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "isdbench" / "weights"


def initialise(system: System, files: Sequence[str], folder: Path) -> str:
    """Load those ImageNet files of the system's card that are available: ``files`` in ``folder``.

    Returns:
        What a record says of the initial weights: "imagenet: <file> <sha256, 16 digits>", "random: <reason>", or
        "partly imagenet: ..." for a card with several files of which some are missing.

    Raises:
        WeightsError: a file is missing, damaged, or of another net.
    """
    if not system.card.imagenet:
        return "random: the card names no ImageNet weights"
    told = [_loaded(system, folder / one.file) for one in system.card.imagenet if one.file in files]
    absent = [f"{one.file} was not available" for one in system.card.imagenet if one.file not in files]
    kind = "partly imagenet" if told and absent else "imagenet" if told else "random"
    return f"{kind}: {'; '.join([*told, *absent])}"


def _loaded(system: System, path: Path) -> str:
    try:
        system.load_imagenet(load_state(path))
    except ValueError as error:
        raise WeightsError(
            f"{path}: not the weights of '{system.card.name}' ({error}); remove or replace it"
        ) from error
    return f"{path.name} {_sha256(path.read_bytes())[:RECORDED_DIGITS]}"


def obtain(weights: ImageNetWeights, mode: Literal["auto", "local"], folder: Path) -> Path | str:
    """The path of the file in ``folder``, downloaded if needed; or why there is none and which file to put where.

    Raises:
        WeightsError: the file in the folder is not the one on the card.
        WriteError: a download cannot be written.
    """
    path = folder / weights.file
    if path.exists():
        found = _sha256(path.read_bytes())
        if not found.startswith(weights.sha256):
            raise WeightsError(
                f"{path}: sha256 {found[:RECORDED_DIGITS]}..., expected {weights.sha256}...; remove or replace it"
            )
        return path
    failures = []
    for url in weights.urls if mode == "auto" else ():
        answer = _fetched(url, weights.sha256)
        if isinstance(answer, bytes):
            write_atomic(path, answer)
            return path
        failures.append(f"{url}: {answer}")
    tried = f" ({'; '.join(failures)})" if failures else ""
    source = f" from {weights.urls[0]}" if weights.urls else ""
    return f"no file{tried}; put {weights.file}{source} into {folder}"


def _fetched(url: str, sha256: str) -> bytes | str:
    """The content of a URL, or why it could not be downloaded."""
    if not url.startswith(("https://", "http://")):
        return "not a web address"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read()
    except (OSError, http.client.HTTPException) as error:  # urllib's own errors are OSErrors
        return str(error)
    if is_html(content[:512]):
        return "answers with a web page"
    found = _sha256(content)
    return content if found.startswith(sha256) else f"sha256 {found[:RECORDED_DIGITS]}..., expected {sha256}..."


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
