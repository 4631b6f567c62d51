"""A training on several nodes of a Ray cluster: one leads it and keeps what comes of it, the others train beside it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.run.job import Job
from benchmark.run.messages import Died, Message, Step
from benchmark.run.pool import Outcome, run_jobs
from benchmark.run.process import IMPORTED_ONCE, Report, last_line, store_failure
from benchmark.run.worker import BAD_INPUT, end_with_parent, redirect_output
from benchmark.training.settings import Meeting
from results.store import Store

RAY_NOTICES_S = 60  # that a node is gone


class NodeLostError(RuntimeError):
    """Another node of a training is gone; the training goes on from its checkpoint when it is sent again."""


class NodeFailedError(RuntimeError):
    """Another node of a training met an error that it would meet again."""


def lead(job: Job, records: Path, report: Report) -> list[Outcome]:
    """On the first node of a placement group: run a cell as the local engine does, with the other nodes' help.

    Raises:
        NodeLostError: one of them is gone.
        UserError: the cell met bad input, here or on another node.
    """
    import ray

    started = time.monotonic()
    meeting = Meeting(address=ray.util.get_node_ip_address(), port=_free_port(), node=0)
    others: list[Any] = []

    def told(of: Job, message: Message) -> None:
        if isinstance(message, Step) and not others:  # the cell is ours: no other run is at work on it
            others.extend(
                _on_bundle(join, node, job).remote(replace(job, meeting=replace(meeting, node=node)), Path.cwd())
                for node in range(1, job.nodes)
            )
        if others:
            _check_nodes(others, died=isinstance(message, Died))
        report(of, message)

    try:
        return list(run_jobs([replace(job, meeting=meeting)], Store(records), told))
    except NodeFailedError as error:  # before the nodes had met: this one would wait for it in vain
        return [(job, store_failure(job, Store(records), str(error), started), False)]


def join(job: Job, folder: Path) -> None:
    """On another node: train beside the leader, in a process of its own.

    Raises:
        NodeLostError: that process was killed.
        UserError: it met bad input.
        NodeFailedError: it failed, perhaps because the leader did.
    """
    os.chdir(folder)
    job.work.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    process = context.Process(target=_join, args=(job,))
    process.start()
    process.join()
    assert job.meeting is not None
    assert process.exitcode is not None
    failure = f"--nodes: node {job.meeting.node} cannot train: {last_line(job.log)}; log: {job.log}"
    if process.exitcode < 0:
        raise NodeLostError(f"the process of node {job.meeting.node} was killed by signal {-process.exitcode}")
    if process.exitcode == BAD_INPUT:
        raise UserError(failure)
    if process.exitcode:
        raise NodeFailedError(failure)


def _join(job: Job) -> None:
    os.setsid()
    redirect_output(job)
    end_with_parent()
    from benchmark.run.accuracy_cell import join_training

    try:
        join_training(job)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(BAD_INPUT)


def _check_nodes(others: Sequence[Any], *, died: bool) -> None:
    """Look at the nodes that have ended; where the leader's process ``died``, wait for those that will.

    Raises:
        NodeLostError: one of the nodes is gone, or its process was killed.
        UserError: one of the nodes met bad input.
        NodeFailedError: one of the nodes failed while the leader waits for it; where that died, they fail as it did.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    ended, _ = ray.wait(others, num_returns=len(others), timeout=RAY_NOTICES_S if died else 0)
    for other in ended:
        try:
            ray.get(other)
        except RayError as error:
            if not isinstance(error, RayTaskError):
                raise NodeLostError(f"a node that shares the training is gone ({type(error).__name__})") from error
            if isinstance(error.cause, NodeLostError | UserError):
                raise error.cause from None
            if not died:
                raise NodeFailedError(str(error.cause)) from None


def _on_bundle(function: Any, node: int, job: Job) -> Any:
    """A remote function with the share of a placement group that one node of a training has."""
    import ray
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    place = PlacementGroupSchedulingStrategy(ray.util.get_current_placement_group(), placement_group_bundle_index=node)
    share = resources(job)
    return ray.remote(max_retries=0, num_cpus=share["CPU"], num_gpus=share["GPU"], scheduling_strategy=place)(function)


def resources(job: Job) -> dict[str, int]:
    """What a training asks of each of its nodes."""
    from benchmark.machine.device import torch_device

    on_gpu = torch_device(job.cell.device) == "cuda"
    return {"CPU": job.cores, "GPU": job.devices // job.nodes if on_gpu else 0}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])
