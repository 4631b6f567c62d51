"""The optimized form of a system: the fastest of several whose labels agree with those of the system as it is.

Each form is tried on this device and on the image that is timed. Nothing is promised: where no form is faster, the
system stays as it is, and the record names the form that was kept.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.cost.form import Form
from benchmark.cost.latency import Progress
from benchmark.cost.timed_system import TimedSystem
from benchmark.machine.device import cpu_lacks
from benchmark.machine.oom import is_out_of_memory
from benchmark.machine.torch_settings import measurement_mode
from benchmark.system import System
from results.cell import Model, Precision, Protocol

LEAST_AGREEMENT = 0.999  # share of pixels with the same label
TURNS = 5  # timed calls of each of two forms, in turns
SECONDS = 20.0  # after which no further turn begins
GAIN = 0.98  # of its time, which a form must stay below: a smaller gain is noise


class Kept(Model):
    """What a form or an engine keeps of the labels, and what it gains."""

    labels: float = 1.0  # share of the pixels whose label is the same
    turns_ms: tuple[tuple[float, float], ...] = ()  # of a call of the system as it is, and of one in the form


def forms(device: str, precision: Precision) -> list[Form]:
    """What is tried on a device for a protocol's precision, which a form may lower but not raise.

    On a CPU nothing is compiled: it takes up to a minute for each image size and needs a compiler.
    """
    found = _alike(device, precision)
    compiling = (False, True) if device == "cuda" else (False,)
    if device == "cuda":
        found += [Form(last, compiled=True, folded=True, precision=precision) for last in (False, True)]
    if device == "cpu" and precision == "fp32":
        found.append(replace(found[-1], winograd=True))
    if precision == "fp32" and (device == "cuda" or not cpu_lacks("bf16")):
        lower: Precision = "fp16" if device == "cuda" else "bf16"
        found += [Form(True, compiled, lower, folded) for compiled in compiling for folded in (False, True)]
    return found


def _alike(device: str, precision: Precision) -> list[Form]:
    """Forms that differ by rounding alone; the last has the most changes."""
    found = [Form(last, folded=folded, precision=precision) for folded in (False, True) for last in (False, True)]
    if device == "cpu" and precision == "fp32" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        found.append(replace(found[-1], fused=True))
    return found


def fastest(
    system: System, image: NDArray[np.uint8], device: str, precision: Precision, progress: Progress
) -> tuple[System, str]:
    """A system in the fastest of the forms whose labels differ by rounding alone, and the form in words.

    Other forms are left out: a lower precision keeps the labels of one image and not of another, and Winograd's weights
    take memory that no budget counts.

    Args:
        system: in eval mode; it is changed.
        image: uint8 ``[H, W, 3]``, on which the forms are tried.
        device: where.
        precision: of all forms.
        progress: told how many forms were tried.
    """
    height, width = image.shape[:2]
    protocol = Protocol(kind="cost", height=height, width=width, precision=precision, optimized=True)
    with measurement_mode(protocol, device), torch.inference_mode():
        timed = TimedSystem(system, image, protocol, device)
        optimize(timed, _alike(device, precision), progress)
    words = replace(timed.form, precision="fp32").words  # the precision was asked for
    return timed.system, f"optimized ({words})" if timed.form != Form(precision=precision) else "no faster form found"


def optimize(timed: TimedSystem, tried: list[Form], progress: Progress) -> Kept:
    """Put a system into the fastest form that keeps its labels: as it is, or one of those that are ``tried``."""
    as_it_is, own = timed.form, _labels(timed)
    best, agreement = as_it_is, 1.0
    tried = [form for form in tried if form != as_it_is]
    for index, form in enumerate(tried):
        progress("optimizing", index, len(tried))
        try:
            timed.take(form)
            same = float((_labels(timed) == own).float().mean())
            faster = same >= LEAST_AGREEMENT and _gains(_turns(timed, form, best))
        except Exception as error:
            if is_out_of_memory(error) and form == best:
                raise
            continue  # this device or this system cannot run the form
        if faster:
            best, agreement = form, same
    turns = _turns(timed, best, as_it_is) if best != as_it_is else []
    if turns and not _gains(turns):  # against the system itself, not against the form before
        best, agreement, turns = as_it_is, 1.0, []
    timed.take(best)
    return Kept(labels=agreement, turns_ms=tuple((own_ms, ms) for ms, own_ms in turns))


def _labels(timed: TimedSystem) -> Tensor:
    with timed.autocast():
        return timed.system.predict(timed.batch)


def _gains(turns: list[tuple[float, float]]) -> bool:
    """Whether the first of two forms is faster than the second."""
    return statistics.median(ms for ms, _ in turns) < GAIN * statistics.median(ms for _, ms in turns)


def _turns(timed: TimedSystem, *forms: Form) -> list[tuple[float, float]]:
    """Times in ms of calls in two forms, in turns."""
    taken: list[tuple[float, float]] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < TURNS and not (taken and time.perf_counter() > end):
        first, second = (_call_ms(timed, form) for form in forms)
        taken.append((first, second))
    return taken


def _call_ms(timed: TimedSystem, form: Form) -> float:
    timed.take(form)
    timed.synchronise()
    started = time.perf_counter()
    _labels(timed)
    timed.synchronise()
    return 1000 * (time.perf_counter() - started)
