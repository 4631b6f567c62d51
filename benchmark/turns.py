"""``python -m benchmark.turns SYSTEM ...``: ``isdbench measure`` one sample at a time, whenever it is asked to.

Each line on standard input asks for one measurement, in a process of its own. It answers a line with its step after
each sample, and goes on when it gets a line; its last answer is the record as JSON. :mod:`benchmark.run.interleave`
so lets installations alternate sample by sample: a machine's slow periods are shorter than a full measurement.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from benchmark.commands.measure import add_arguments, job_of
from benchmark.errors import UserError
from benchmark.run.cell import measure
from benchmark.run.job import Job
from benchmark.run.process import IMPORTED_ONCE


def main(words: Sequence[str]) -> int:
    """Answer until standard input ends; the last line on standard error is the problem, if there was one."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.turns")
    add_arguments(parser)
    try:
        job = job_of(parser.parse_args(words))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    for name in IMPORTED_ONCE:  # before processes are forked, and before anything has started a thread
        importlib.import_module(name)
    for _ in sys.stdin:
        with tempfile.TemporaryDirectory() as work:
            status = _rounds(replace(job, work=Path(work)), answers)
        if status:
            return abs(status)
    return 0


def _rounds(job: Job, answers: TextIO) -> int:
    """One measurement, each of its rounds in a process; 0, or the exit status of the one that failed."""
    for number in range(1, job.rounds + 1):
        child = os.fork()
        if child == 0:
            _measure(replace(job, round=number), answers)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            return status
    return 0


def _measure(job: Job, answers: TextIO) -> None:
    """One round, and the end of this process. The last round answers with the record."""
    status = 1
    try:
        record = measure(job, lambda step, *_: _wait(step, answers))
        if record:
            answers.write(record.model_dump_json() + "\n")
            answers.flush()
        status = 0
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def _wait(step: str, answers: TextIO) -> None:
    answers.write(f"{step}\n")
    answers.flush()
    if not sys.stdin.readline():
        os._exit(0)  # whoever asked has gone


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
