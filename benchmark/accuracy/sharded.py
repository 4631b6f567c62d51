"""Evaluation on several devices: each scores its share of the images in a process of its own.

The result of an image is whole numbers and a hash of its labels, so the outcome is that of one device, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from benchmark.accuracy.evaluate import EvaluationOutcome, Progress, Scored, outcome, score_images
from benchmark.data.base import Dataset
from benchmark.machine.torch_settings import measurement_mode
from benchmark.system import System
from results.cell import Protocol

LOOK_AGAIN_S = 1.0  # at how many images are done


def evaluate_on(
    devices: int,
    system: System,
    rebuild: Callable[[], System],
    dataset: Dataset,
    ids: Sequence[str],
    resume_file: Path,
    *,
    protocol: Protocol,
    device: str,
    progress: Progress,
) -> EvaluationOutcome:
    """As :func:`benchmark.accuracy.evaluate.evaluate` does, on ``devices`` devices of one kind ("cpu" or "cuda").

    Each process makes the system anew by ``rebuild``, takes its inference form, and loads the weights of ``system``,
    which is in inference form too. An interruption loses one image of each device at most. Another number of devices
    begins anew.

    Raises:
        UserError: the resume files cannot be written.
        DataError: an image cannot be read.
    """
    shares = [tuple(ids[index::devices]) for index in range(min(devices, len(ids)))]
    files = [resume_file.with_name(f"{resume_file.stem}-{index}-of-{devices}.jsonl") for index in range(len(shares))]
    state = {name: tensor.cpu() for name, tensor in system.state_dict().items()}
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        running = [
            pool.submit(_score_share, index, rebuild, state, dataset, share, file, protocol, device)
            for index, (share, file) in enumerate(zip(shares, files, strict=True))
        ]
        while wait(running, LOOK_AGAIN_S).not_done:
            progress(sum(map(_images_in, files)), len(ids))
        scored = {one.image: one for share in running for one in share.result()}
    return outcome(dataset.info, system, [scored[image_id] for image_id in ids])


def _score_share(
    index: int,
    rebuild: Callable[[], System],
    state: dict[str, Tensor],
    dataset: Dataset,
    ids: Sequence[str],
    resume_file: Path,
    protocol: Protocol,
    device: str,
) -> list[Scored]:
    """In a process of its own: the results of one device's images."""
    system = rebuild().inference_form()
    system.load_state_dict(state)
    if device == "cuda":
        torch.cuda.set_device(index)
    with measurement_mode(protocol.model_copy(update={"precision": "fp32"}), device):  # scoring applies autocast itself
        return score_images(
            system,
            dataset,
            ids,
            resume_file,
            device=device,
            precision=protocol.precision,
            scale=protocol.evaluated_scale,
        )


def _images_in(resume_file: Path) -> int:
    """How many images a process has scored; its first line is no image."""
    return max(0, resume_file.read_bytes().count(b"\n") - 1) if resume_file.exists() else 0
