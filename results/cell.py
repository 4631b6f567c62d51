"""The cell: one thing to measure, with the protocol that makes its figures comparable. Its hash names its records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from results.values import Natural, Positive

IGNORE = 255  # in a label map: a pixel that is neither trained on nor scored
METRIC_VERSION = 2  # raised whenever a change of code changes an accuracy or cost value; CHANGELOG.md says why

Kind = Literal["accuracy", "cost"]
Precision = Literal["fp32", "fp16", "bf16"]
EngineName = Literal["torch", "onnx", "openvino", "onnx-int8", "openvino-int8"]
# What is timed:
# - forward: one pass of the net, on the first input that the system's inference procedure feeds to it (the entire
#   image, the reduced image or one batch of patches, padded as the procedure does), to logits at the net's stride
# - logits: the entire procedure, from a float image on the device to logits at the net's stride
# - full_logits: the same, and the logits enlarged to the image's size, where the official speed script stops
# - predict: from a float image on the device to labels on the device
# - end_to_end: from a uint8 image in host memory to labels in host memory
Region = Literal["forward", "logits", "full_logits", "predict", "end_to_end"]


class Model(BaseModel):
    """Frozen; no field that the schema does not know, and no number that is infinite or none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


ENGINES = {  # that run an exported file, also one in 8 bits
    "onnx": "ONNX Runtime",
    "openvino": "OpenVINO",
    "onnx-int8": "ONNX Runtime in int8",
    "openvino-int8": "OpenVINO in int8",
}


class Protocol(Model):
    """All that makes two figures comparable. Its hash is part of the cell's key."""

    kind: Kind
    metric_version: int = METRIC_VERSION
    evaluated_scale: Positive = 1.0  # the image's side as it enters the system, over its true side
    height: Natural  # of the image that enters the system
    width: Natural
    batch: Natural = 1
    precision: Precision = "fp32"
    tf32: bool = False
    cudnn_benchmark: bool = False
    channels_last: bool = False
    compiled: bool = False
    optimized: bool = False  # the fastest form that keeps 99.9 % of the labels, see `Cost.form`
    engine: EngineName = "torch"  # what answers `predict`: the system, or its exported file
    deterministic: bool = False
    threads: int | None = None  # CPU threads; None on a GPU
    timed_regions: tuple[str, ...] = ()  # of Region
    input: Literal["dataset", "synthetic-land", "noise"] = "dataset"  # what is timed or scored

    @property
    def hash(self) -> str:
        """Fingerprint of all fields that differ from their default, and of the version of the metrics."""
        return digest([self.metric_version, identity(self)])


class Cell(Model):
    """One thing to measure."""

    kind: Kind
    system: str
    card_hash: str  # of the card as scaled: a changed patch size is another cell
    dataset: str
    paper_dataset: str  # the one of the paper's datasets that it is compared with
    recipe: str
    recipe_hash: str
    profile: str
    profile_hash: str
    imagenet: tuple[str, ...] = ()  # ImageNet files that training starts from; none: random weights
    seed: int
    device: str  # "cpu" or the GPU's name
    hardware: str = ""  # the CPU's or the GPU's name: figures of another machine are another cell's
    split: str = ""  # that is scored
    split_hash: str = ""  # of the ids trained on and scored
    image_ratio: Positive = 1.0  # to which the dataset's images were reduced, image and pixel-sized settings alike
    overrides: tuple[str, ...] = ()  # what the user asked for in training instead of the profile's and recipe's own
    base_key: str = ""  # the cell whose trained weights a refiner started from
    devices: Natural = 1  # GPUs, or processes on a CPU, that share a training batch
    shared_statistics: bool = False  # whether batch norm saw the batch of all of them
    smallest_budget: bool = False  # whether the least memory that a cost cell runs in is searched for
    protocol: Protocol

    @property
    def key(self) -> str:
        """The cell's name in the store: a new field with a default changes no key."""
        return digest([self.protocol.metric_version, identity(self)])


def identity(value: Any) -> Any:
    """What a key hashes of a dataclass or model: its ``KEY_FIELDS`` (else all fields), those at their default left out.

    So a new field with a default changes no key. Nested dataclasses and models go the same way, under their class's
    name.
    """
    if isinstance(value, Mapping):
        return {str(name): identity(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [identity(one) for one in value]
    if isinstance(value, BaseModel):
        defaults = {name: one.get_default(call_default_factory=True) for name, one in type(value).model_fields.items()}
    elif is_dataclass(value):
        made = (one.default if one.default_factory is MISSING else one.default_factory() for one in fields(value))
        defaults = dict(zip((one.name for one in fields(value)), made, strict=True))
    else:
        return value
    chosen = {name: getattr(value, name) for name in getattr(value, "KEY_FIELDS", defaults)}
    return {type(value).__name__: {name: identity(one) for name, one in chosen.items() if one != defaults[name]}}


def digest(value: Any) -> str:
    """First 12 hex digits of the sha256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
