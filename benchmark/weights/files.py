"""Weights files: reading runs no code in them, writing is atomic."""

from __future__ import annotations

import codecs
import hashlib
import math
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from benchmark.atomic import write_atomic
from benchmark.errors import WeightsError
from benchmark.system import System
from benchmark.weights.download import is_html
from results.cell import digest, identity

WRAPPERS = ("state_dict", "model")  # keys under which training scripts put the state dict
PARALLEL = "module."  # what torch's DataParallel puts before every key
TORCH_STARTS = (b"P", b"\x80")  # of a zip, or of a pickle
BROKEN = "truncated, or not a weights file; download it again"


def load_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Reads safetensors and torch files (zip or legacy), the latter with ``weights_only=True``, so nothing in them is run.
    A state dict under "state_dict" or "model" is unwrapped, and the prefix "module." removed.

    Raises:
        WeightsError: the file is missing, an HTML page, truncated, needs code to be run, or holds no state dict of
            finite, unquantised tensors.
    """
    head = _head(path)
    if is_html(head):
        raise WeightsError(
            f"{path}: an HTML page, not a weights file; open its link in a browser and save the file itself"
        )
    if head[8:9] != b"{" and head[:1] not in TORCH_STARTS:
        raise WeightsError(f"{path}: {BROKEN}")
    content = _safetensors(path) if head[8:9] == b"{" else _torch_file(path)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no state dict; save model.state_dict() with torch.save or safetensors")
    strange = next(
        (key for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))), None
    )
    if strange is not None:
        raise WeightsError(f"{path}: entry '{strange}' is not a tensor; save model.state_dict() alone")
    for key, value in content.items():
        _require_numbers(path, key, value)
    cut = len(PARALLEL) if all(key.startswith(PARALLEL) for key in content) else 0
    return {key[cut:]: value for key, value in content.items()}


def _require_numbers(path: Path, key: str, value: Tensor) -> None:
    """Refuse a tensor with which a net computes nothing, or not what its authors meant."""
    if value.is_quantized:
        raise WeightsError(f"{path}: '{key}' is quantised; save the weights of the float model")
    kinds = {"sparse": value.layout != torch.strided, "without values": value.is_meta, "complex": value.is_complex()}
    kind = next((name for name, found in kinds.items() if found), None)
    if kind:
        raise WeightsError(f"{path}: '{key}' is {kind}; save the weights as plain tensors of real numbers")
    if value.is_floating_point() and not value.isfinite().all():
        raise WeightsError(f"{path}: '{key}' holds NaN or infinite values: the training had diverged; train again")


def save_weights(path: Path, system: System, recipe: str, dataset: str) -> None:
    """Write the system's weights as safetensors; its name, classes, card hash, recipe and dataset are metadata.

    Raises:
        WriteError: the file cannot be written.
    """
    metadata = {
        "system": system.card.name,
        "num_classes": str(system.num_classes),
        "recipe": recipe,
        "dataset": dataset,
        "card_hash": digest(identity(system.card)),
        "ratio": repr(system.card.ratio),
    }
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in system.state_dict().items()}  # unshared
    write_atomic(path, safetensors.torch.save(tensors, metadata))


def load_weights(path: Path, system: System) -> None:
    """Load the weights of a file, written by ``save_weights`` or by ``convert``, into a system of the same kind.

    Raises:
        WeightsError: as ``load_state``; or the file is of another system or class count.
    """
    state, metadata = load_state(path), _metadata(path)
    name, classes = metadata.get("system", system.card.name), metadata.get("num_classes", str(system.num_classes))
    if name != system.card.name:
        raise WeightsError(f"{path}: weights of system '{name}', not of '{system.card.name}'; name that system instead")
    if classes != str(system.num_classes):
        raise WeightsError(f"{path}: weights for {classes} classes, but this dataset has {system.num_classes}")
    wanted = system.state_dict()
    for key in [*wanted, *state]:
        if key not in state or key not in wanted:
            what = "lacks" if key not in state else "has an unknown entry"
            raise WeightsError(
                f"{path}: {what} '{key}'; it is not a file of '{system.card.name}' (see 'isdbench convert')"
            )
        if state[key].shape != wanted[key].shape:
            shapes = f"{tuple(state[key].shape)}, expected {tuple(wanted[key].shape)}"
            raise WeightsError(f"{path}: '{key}' has shape {shapes}; it is of another system or class count")
    system.load_state_dict(state)


def trained_on(path: Path) -> str:
    """The dataset on which the weights in a file of ``save_weights`` were trained.

    Raises:
        WeightsError: the file is missing, or does not say.
    """
    name = _metadata(path).get("dataset", "")
    if not name:
        raise WeightsError(f"{path}: does not say which dataset it was trained on; name it with --dataset")
    return name


def trained_ratio(path: Path) -> float:
    """Image side over the paper's image side in training, which scaled patches; 1 if the file does not say.

    Raises:
        WeightsError: the file is missing, or what it says is no ratio.
    """
    text = _metadata(path).get("ratio", "1")
    try:
        ratio = float(text)
    except ValueError:
        ratio = 0.0
    if not 0 < ratio < math.inf:
        raise WeightsError(
            f"{path}: says that the ratio is '{text}', which is no number above 0; train or convert again"
        )
    return ratio


def system_of(path: Path) -> str:
    """The system whose weights ``save_weights`` wrote; empty for any other file."""
    return _metadata(path).get("system", "")


def file_hash(path: Path) -> str:
    """Sha256 of a weights file, in hexadecimal digits.

    Raises:
        WeightsError: the file is missing or cannot be read.
    """
    _head(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _head(path: Path) -> bytes:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise WeightsError(f"{path}: is not a plain file; name the file itself")  # whoever opens a pipe waits for ever
    try:
        with path.open("rb") as file:
            return file.read(512)
    except FileNotFoundError:
        raise WeightsError(
            f"{path}: no such weights file; train with 'isdbench run' (OUT/weights) or use 'isdbench convert'"
        ) from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error


def _safetensors(path: Path) -> Any:
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path}: truncated or damaged safetensors file ({error}); download it again") from error


def _torch_file(path: Path) -> Any:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_numpy_scalars()):
            warnings.simplefilter("ignore")  # torch warns of pickle versions, and refuses them then
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _forbidden(str(error))
        if wanted is None:
            raise WeightsError(f"{path}: {BROKEN}") from error
        raise WeightsError(
            f"{path}: not loaded: its pickle would run {wanted}; if you trust the file, save its state_dict alone"
        ) from error
    except Exception as error:  # torch raises RuntimeError, EOFError, ValueError, KeyError, ... for a broken file
        raise WeightsError(f"{path}: {BROKEN}") from error


def _numpy_scalars() -> list[Any]:
    # training scripts store their best score beside the weights as a numpy number: plain data, safe to load
    rebuild = np.float64(0).__reduce__()[0]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    kinds = {type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64)}
    return [*((rebuild, name) for name in names), np.dtype, *kinds, codecs.encode]


def _forbidden(message: str) -> str | None:
    """The name of what a pickle wanted to run, from torch's error message; None if the file is only broken."""
    if "Unsupported operand" in message:
        return "instructions that no weights file needs"
    for mark in ("GLOBAL ", "Unsupported class ", "REDUCE "):
        if mark in message:
            return message.split(mark, 1)[1].split(maxsplit=1)[0].rstrip(".,")
    return None


def _metadata(path: Path) -> dict[str, str]:
    if _head(path)[8:9] != b"{":
        return {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise WeightsError(f"{path}: truncated or damaged safetensors file ({error}); download it again") from error
