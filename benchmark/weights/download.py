"""Finding or downloading the files of ImageNet weights. Files are checked by hash, and nothing in them is executed."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import Literal

from benchmark.atomic import write_atomic
from benchmark.card import ImageNetWeights
from benchmark.errors import WeightsError

Mode = Literal["auto", "local", "off"]  # auto: a local file, else a download
FOLDER_VARIABLE = "ISDBENCH_WEIGHTS"
TIMEOUT_SECONDS = 20.0  # without a response
RECORDED_DIGITS = 16  # of the sha256, in a record
HTML_STARTS = (b"<!doctype html", b"<html", b"<head")


def default_folder() -> Path:
    """Where ImageNet weights are looked for and downloaded to; it need not exist.

    The environment variable ``ISDBENCH_WEIGHTS`` names it. Without it, the folder is ``isdbench/weights`` in the
    user's cache: ``XDG_CACHE_HOME``, or ``~/.cache``.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "isdbench" / "weights"


def obtain(weights: ImageNetWeights, mode: Literal["auto", "local"], folder: Path) -> Path | str:
    """The path of the file in ``folder``, downloaded if needed; or why there is none and which file to put where.

    Raises:
        WeightsError: the file in the folder is not the one on the card.
        WriteError: a download cannot be written.
    """
    path = folder / weights.file
    if path.exists():
        found = sha256(path.read_bytes())
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


def _fetched(url: str, expected: str) -> bytes | str:
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
    found = sha256(content)
    return content if found.startswith(expected) else f"sha256 {found[:RECORDED_DIGITS]}..., expected {expected}..."


def sha256(content: bytes) -> str:
    """Hash of a file's content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def is_html(head: bytes) -> bool:
    """Whether a file starting with ``head`` is a web page: file hosts send one in place of a large or missing file."""
    return head.lstrip().lower().startswith(HTML_STARTS)
