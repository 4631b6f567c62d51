"""The optimized form of a system: the fastest of several whose labels agree with those of the system as it is.

Each form is tried on this device and on the image that is timed. Nothing is promised: where no form is faster, the
system stays as it is, and the record names the form that was kept.
"""

from __future__ import annotations

import statistics
import time

from torch import Tensor

from benchmark.cost.latency import Progress
from benchmark.cost.timed_system import Form, TimedSystem
from benchmark.machine.device import cpu_lacks
from benchmark.machine.oom import is_out_of_memory
from results.cell import Precision

LEAST_AGREEMENT = 0.999  # share of pixels with the same label
TURNS = 5  # timed calls of each form, in turns with those of the form that is fastest so far
SECONDS = 20.0  # after which no further turn begins
GAIN = 0.98  # of its time, which a form must stay below: a smaller gain is noise


def forms(device: str, precision: Precision) -> list[Form]:
    """What is tried on a device for a protocol's precision, which a form may lower but not raise.

    On a CPU nothing is compiled: it takes up to a minute for each image size and needs a compiler.
    """
    compiling = (False, True) if device == "cuda" else (False,)
    found = [Form(last, compiled, precision) for compiled in compiling for last in (False, True)]
    if precision == "fp32" and (device == "cuda" or not cpu_lacks("bf16")):
        lower: Precision = "fp16" if device == "cuda" else "bf16"
        found += [Form(channels_last=True, compiled=compiled, precision=lower) for compiled in compiling]
    return found


def optimize(timed: TimedSystem, progress: Progress) -> float:
    """Put a system into the fastest form that keeps its labels; returns the share of pixels whose label is the same."""
    own = _labels(timed)
    best, agreement = timed.form, 1.0
    tried = [form for form in forms(timed.device, timed.protocol.precision) if form != timed.form]
    for index, form in enumerate(tried):
        progress("optimizing", index, len(tried))
        try:
            timed.take(form)
            same = float((_labels(timed) == own).float().mean())
            faster = same >= LEAST_AGREEMENT and _is_faster(timed, form, best)
        except Exception as error:
            if is_out_of_memory(error) and form == best:
                raise
            continue  # this device or this system cannot run the form
        if faster:
            best, agreement = form, same
    timed.take(best)
    return agreement


def _labels(timed: TimedSystem) -> Tensor:
    with timed.autocast():
        return timed.system.predict(timed.batch)


def _is_faster(timed: TimedSystem, form: Form, best: Form) -> bool:
    seconds: dict[Form, list[float]] = {form: [], best: []}
    end = time.perf_counter() + SECONDS
    while len(seconds[best]) < TURNS and not (seconds[best] and time.perf_counter() > end):
        for one, measured in seconds.items():
            timed.take(one)
            timed.synchronise()
            started = time.perf_counter()
            _labels(timed)
            timed.synchronise()
            measured.append(time.perf_counter() - started)
    return statistics.median(seconds[form]) < GAIN * statistics.median(seconds[best])
