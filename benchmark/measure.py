"""From a job to its record. The instruments of its kind of cell are imported when it is known."""

from __future__ import annotations

import time
from typing import TypedDict

from benchmark.environment import environment, provenance
from benchmark.errors import NonFiniteError
from benchmark.out_of_memory import is_out_of_memory
from benchmark.plan import Job, Tell
from results.record import Accuracy, Cost, Record, Status


class Outcome(TypedDict, total=False):
    """The fields of a record that the measurement fills."""

    status: Status
    reason: str
    accuracy: Accuracy
    cost: Cost


def measure(job: Job, progress: Tell) -> Record:
    """The record of a job: its figures, or ``oom``, or ``failed`` where training diverged.

    Raises:
        UserError: bad input, which is no outcome of the cell.
    """
    started, resumed = time.time(), job.checkpoint.exists()
    return Record(
        key=job.cell.key,
        cell=job.cell,
        protocol_hash=job.cell.protocol.hash,
        **_outcome(job, progress),
        environment=environment(job.cell.device),
        provenance=provenance(job.command, {"cell": job.cell.seed}, started, resumed=resumed),
    )


def _outcome(job: Job, progress: Tell) -> Outcome:
    try:
        return _figures(job, progress)
    except NonFiniteError as error:
        return {"status": "failed", "reason": str(error)}
    except ImportError as error:
        return {"status": "unavailable", "reason": f"a package that the system needs is not installed: {error}"}
    except Exception as error:
        if not is_out_of_memory(error):
            raise  # bad input for the user, or a traceback that the runner puts on record
        return {"status": "oom", "reason": str(error).splitlines()[0]}


def _figures(job: Job, progress: Tell) -> Outcome:
    if job.cell.kind == "accuracy":
        from benchmark.measure_accuracy import measure_accuracy

        return {"status": "ok", "accuracy": measure_accuracy(job, progress)}
    from benchmark.measure_cost import measure_cost

    return {"status": "ok", "cost": measure_cost(job, progress)}
