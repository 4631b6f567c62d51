"""ImageNet weights: a local file, else a download, else a reason; checked by hash, never run, never required."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import Literal

from benchmark.card import ImageNetWeights
from benchmark.checkpoints import WeightsError, is_html, load_state, write_atomic
from benchmark.system import System

Mode = Literal["auto", "local", "off"]  # auto: a local file, else a download
FOLDER_VARIABLE = "ISDBENCH_WEIGHTS"
TIMEOUT_SECONDS = 20.0  # without an answer
RECORDED_DIGITS = 16  # of the sha256, in a record


def default_folder() -> Path:
    """``ISDBENCH_WEIGHTS``, else ``isdbench/weights`` in the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "isdbench" / "weights"


def initialise(system: System, mode: Mode, folder: Path) -> str:
    """Give the system the ImageNet weights on its card, where they can be had.

    Returns:
        What a record says of the weights: "imagenet: <file> <sha256, 16 digits>" or "random: <why>"; for a card with
        several files all of them, and "partly imagenet: ..." where some could not be had.

    Raises:
        WeightsError: a file is there, but it is damaged, or of another net.
    """
    if not system.card.imagenet:
        return "random: the card names no ImageNet weights"
    if mode == "off":
        return "random: ImageNet weights switched off"
    told = [_loaded(system, one, mode, folder) for one in system.card.imagenet]
    if len({text.partition(":")[0] for text in told}) > 1:
        return f"partly imagenet: {'; '.join(text.removeprefix('imagenet: ') for text in told)}"
    return "; ".join([told[0], *(text.partition(": ")[2] for text in told[1:])])


def _loaded(system: System, weights: ImageNetWeights, mode: Literal["auto", "local"], folder: Path) -> str:
    found = obtain(weights, mode, folder)
    if isinstance(found, str):
        return f"random: {found}"
    try:
        system.load_imagenet(load_state(found))
    except ValueError as error:
        raise WeightsError(
            f"{found}: not the weights of '{system.card.name}' ({error}); remove or replace it"
        ) from error
    return f"imagenet: {found.name} {_sha256(found.read_bytes())[:RECORDED_DIGITS]}"


def obtain(weights: ImageNetWeights, mode: Literal["auto", "local"], folder: Path) -> Path | str:
    """The file in ``folder``, downloaded there if need be; or why there is none, and which file to put where.

    Raises:
        WeightsError: the file in the folder is not the one on the card, or a download cannot be written.
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
    """The file behind a URL, or why it cannot be had."""
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
