"""Runs jobs on a Ray cluster whose nodes share the folders of this run: ``isdbench run ... --engine ray``.

A Ray task runs its cells as the local engine does, each in a process of its own under a lease in the shared store, and
asks for what it keeps busy: the threads of a training, and its GPUs. All cost cells of a run are one task that owns a
whole node, so that their rounds take turns on one machine and no training disturbs them.

A training on several nodes is a task on a placement group of as many (:mod:`benchmark.run.ray_nodes`).

A task whose node or worker is lost is sent again and continues from the last checkpoint. The driver keeps nothing that
is not in the store: where it dies, Ray ends its tasks, and the same command goes on.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.machine.device import torch_device
from benchmark.run.job import Job
from benchmark.run.messages import Message
from benchmark.run.pool import Outcome, run_jobs
from benchmark.run.process import Report
from benchmark.run.ray_nodes import NodeLostError, lead, resources
from results.lease import Leases
from results.record import Record
from results.store import Store

TRIES = 5  # of a task whose node or worker is lost; then something in it kills them
LOOK_AGAIN_S = 0.2  # at messages and ended tasks
Made = tuple[str, Record, bool]  # key of the cell, its record, whether it was there already


@dataclass
class Task:
    """Cells that one Ray task runs: one training, or all cost cells."""

    jobs: list[Job]
    tries: int = 0
    group: Any = None  # of the nodes that share a training

    @property
    def keys(self) -> set[str]:
        """Of its cells."""
        return {job.cell.key for job in self.jobs}

    @property
    def is_cost(self) -> bool:
        """Whether it needs a node of its own."""
        return self.jobs[0].cell.kind == "cost"

    def leave_group(self) -> None:
        """Give the nodes of a shared training back, which ends what still runs there."""
        from ray.util import remove_placement_group

        if self.group:
            remove_placement_group(self.group)
            self.group = None

    @property
    def nodes(self) -> int:
        """How many nodes share it: a training those asked for, anything else none but its own."""
        return 1 if self.is_cost or not self.jobs[0].trains else self.jobs[0].nodes


def require_ray() -> None:
    """Raises: UserError: Ray is not installed."""
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise UserError("--engine ray: Ray is not installed; pip install 'isdbench[ray]'") from error


def run_on_ray(jobs: list[Job], store: Store, report: Report, address: str | None) -> Iterator[Outcome]:
    """As :func:`benchmark.run.pool.run_jobs`, on the cluster at ``address``, or on one started on this machine.

    Raises:
        UserError: there is no such cluster, no node is large enough, or a cell met bad input or lost every node.
    """
    store.ensure_writable()
    ahead = []
    for job in jobs:
        known = store.find(job.cell.key)
        if known:
            yield job, known, True
        else:
            ahead.append(job)
    Leases(store.folder).clear({job.cell.key for job in jobs} - {job.cell.key for job in ahead})
    if ahead:
        with _connected(address):
            yield from _Driver(ahead, store, report).outcomes()


class _Driver:
    """Sends the tasks of a run to Ray, passes their messages on, and sends those again whose node is lost."""

    def __init__(self, jobs: Sequence[Job], store: Store, report: Report) -> None:
        import ray
        from ray.util.queue import Queue

        costs = [job for job in jobs if job.cell.kind == "cost"]
        self.waiting = [Task(costs)] * bool(costs) + [Task([job]) for job in jobs if job.cell.kind != "cost"]
        self.running: dict[Any, Task] = {}
        self.jobs = {job.cell.key: job for job in jobs}
        self.store, self.report = store, report
        here = ray.get_runtime_context().get_node_id()  # the queue must not be lost with another node
        self.messages = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": _on_node(here)})

    def outcomes(self) -> Iterator[Outcome]:
        """Each job with its record, as the tasks end."""
        import ray

        while self.waiting or self.running:
            for task in [task for task in self.waiting if self._may_start(task)]:
                self._send(task)
            ended, _ = ray.wait(list(self.running), num_returns=1, timeout=LOOK_AGAIN_S)
            self._pass_on()
            for reference in ended:
                for key, record, known in self._made(reference):
                    yield self.jobs[key], record, known

    def _may_start(self, task: Task) -> bool:
        """Whether the bases of its cells are done."""
        open_tasks = [other for other in (*self.waiting, *self.running.values()) if other is not task]
        bases = {job.cell.base_key for job in task.jobs}
        return not any(bases & other.keys for other in open_tasks)

    def _send(self, task: Task) -> None:
        import ray

        self.waiting.remove(task)
        task.tries += 1
        remote = ray.remote(max_retries=0, **_place(task))(_run_here)
        reference = remote.remote(task.jobs, Path.cwd(), self.store.folder, self.messages.actor)
        self.running[reference] = task

    def _pass_on(self) -> None:
        for key, message in self.messages.get_nowait_batch(self.messages.qsize()):
            self.report(self.jobs[key], message)

    def _made(self, reference: Any) -> list[Made]:
        """The records of an ended task; none, and the task waits again, where its node or worker was lost."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = self.running.pop(reference)
        task.leave_group()
        try:
            return list(ray.get(reference))
        except RayError as error:
            if isinstance(error, RayTaskError) and not isinstance(error.cause, NodeLostError):
                raise error.cause from None  # bad input, or an error of ours
            reason = str(error.cause) if isinstance(error, RayTaskError) else type(error).__name__
            if task.tries >= TRIES:
                names = ", ".join(sorted({job.cell.system for job in task.jobs}))
                raise UserError(
                    f"--engine ray: {names}: the node or worker was lost {TRIES} times ({reason}); "
                    "see Ray's log, then run the same command again"
                ) from error
            time.sleep(LOOK_AGAIN_S)  # until Ray knows that the node is gone
            self.waiting.append(task)
            return []


def _run_here(jobs: list[Job], folder: Path, records: Path, messages: Any) -> list[Made]:
    """On a node: run the cells in the folder in which the driver was started, and tell the driver how far they are."""
    os.chdir(folder)
    _check_hardware(jobs)

    def tell(job: Job, message: Message) -> None:
        messages.put_nowait.remote((job.cell.key, message))

    made = lead(jobs[0], records, tell) if Task(jobs).nodes > 1 else run_jobs(jobs, Store(records), tell)
    return [(job.cell.key, record, known) for job, record, known in made]


def _check_hardware(jobs: Sequence[Job]) -> None:
    """Raises: UserError: cost was planned for another processor than this node's."""
    from benchmark.machine.environment import cpu_model

    planned = {job.cell.hardware for job in jobs if job.cell.kind == "cost" and torch_device(job.cell.device) == "cpu"}
    if planned - {cpu_model()}:
        other = f"planned for {', '.join(planned)}, and the node has {cpu_model()}"
        raise UserError(f"--engine ray: cost is {other}; start the command on a node like those that measure")


def _place(task: Task) -> dict[str, Any]:
    """Where a task runs and what it takes: a cost task all of one node; a training its threads and GPUs.

    Raises:
        UserError: no node has as much, or too few have.
    """
    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    share = max((resources(job) for job in task.jobs), key=lambda share: share["CPU"])
    alive = [(node["NodeID"], node["Resources"]) for node in ray.nodes() if node["Alive"]]
    fitting = [(each.get("CPU", 0), each.get("GPU", 0), node) for node, each in alive]
    fitting = [each for each in fitting if each[0] >= share["CPU"] and each[1] >= share["GPU"]]
    if len(fitting) < task.nodes:
        found = f"{len(fitting)} of the {task.nodes} nodes has" if task.nodes > 1 else "no node has"
        raise UserError(
            f"--engine ray: {found} {share['CPU']} CPUs and {share['GPU']} GPUs free for one cell; "
            "give fewer --threads, --devices or --nodes, or add a larger node"
        )
    if task.nodes > 1:
        task.group = placement_group([share] * task.nodes, strategy="STRICT_SPREAD")
        place = PlacementGroupSchedulingStrategy(task.group, placement_group_bundle_index=0)
        return {"num_cpus": share["CPU"], "num_gpus": share["GPU"], "scheduling_strategy": place}
    if not task.is_cost:
        return {"num_cpus": share["CPU"], "num_gpus": share["GPU"]}
    all_cores, all_gpus, node = max(fitting)
    return {"num_cpus": all_cores, "num_gpus": all_gpus, "scheduling_strategy": _on_node(node)}


def _on_node(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """A connection to a cluster. Our own handling of SIGTERM is kept, and nothing is reported to Ray's makers."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ours = signal.getsignal(signal.SIGTERM)
    place: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    search = os.pathsep.join(path for path in sys.path if path)
    try:
        ray.init(
            **place, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": {"PYTHONPATH": search}}
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"--address {address}: no Ray cluster: {reason}; start one with 'ray start --head'") from error
    except BaseException as error:  # a signal, while the cluster was starting
        signal.signal(signal.SIGTERM, ours)
        ray.shutdown()
        if isinstance(error, SystemExit):  # Ray's own answer to SIGTERM
            signal.raise_signal(signal.SIGTERM)
        raise
    signal.signal(signal.SIGTERM, ours)
    try:
        yield
    finally:
        ray.shutdown()
