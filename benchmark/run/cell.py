"""From a job to its record. Only the instruments that the kind of cell needs are imported."""

from __future__ import annotations

import time
from typing import TypedDict

from benchmark import registry
from benchmark.errors import MissingBaseError, NonFiniteError
from benchmark.machine.environment import environment, provenance
from benchmark.machine.oom import is_out_of_memory
from benchmark.machine.other_package import described
from benchmark.run.job import Job, Tell
from results.record import Accuracy, Cost, Record, Status


class Outcome(TypedDict, total=False):
    """The fields of a record that the measurement fills."""

    status: Status
    reason: str
    accuracy: Accuracy
    cost: Cost


def measure(job: Job, tell: Tell) -> Record | None:
    """The record of a job: its values, ``oom``, ``failed`` where training diverged, or ``unavailable``.

    None in a round before the last.

    Raises:
        UserError: the input is bad; that is no outcome of the cell.
    """
    started, resumed = time.monotonic() - _spent(job), job.checkpoint.exists()
    outcome = _outcome(job, tell)
    if outcome is None:
        return None
    return Record(
        key=job.cell.key,
        cell=job.cell,
        protocol_hash=job.cell.protocol.hash,
        **outcome,
        environment=environment(job.cell.device),
        provenance=provenance(job.command, {"cell": job.cell.seed}, started, resumed=resumed, packages=packages(job)),
    )


def packages(job: Job) -> tuple[str, ...]:
    """Those of others that hold the job's system, with version, commit and code."""
    return tuple(described(module) for module in registry.other_modules(job.cell.system))


def _spent(job: Job) -> float:
    """Seconds that the earlier rounds of a cost cell took."""
    if job.cell.kind == "accuracy":
        return 0.0
    from benchmark.run.cost_cell import earlier

    return sum(kept.wall_seconds for kept in earlier(job))


def _outcome(job: Job, tell: Tell) -> Outcome | None:
    try:
        if job.cell.kind == "accuracy":
            from benchmark.run.accuracy_cell import measure_accuracy

            return {"status": "ok", "accuracy": measure_accuracy(job, tell)}
        from benchmark.run.cost_cell import measure_cost

        cost = measure_cost(job, tell)
        return {"status": "ok", "cost": cost} if cost else None
    except (NonFiniteError, MissingBaseError) as error:
        return {"status": "failed", "reason": str(error)}
    except ImportError as error:
        return {"status": "unavailable", "reason": f"a package that the system needs is not installed: {error}"}
    except Exception as error:
        if not is_out_of_memory(error):
            raise  # bad input, or a traceback that the parent process puts on record
        return {"status": "oom", "reason": str(error).splitlines()[0]}
