"""The process of one cell: reads a job on standard input, reports progress on standard output, leaves a record.

``python -m benchmark.worker RECORDS < job.json``, started by :mod:`benchmark.runner`. Whatever libraries print goes to
the cell's log, with the messages of this process; its last line is the error, if there was one.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO

from benchmark.errors import UserError
from benchmark.plan import Job
from results.store import Store

BAD_INPUT = 2  # exit status after a UserError


class Channel:
    """Progress lines to the parent, ten a second at most. When the parent is gone, this process ends."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.sent = 0.0

    def send(self, step: str, done: int, total: int, note: str = "") -> None:
        """Tell the parent where this cell stands."""
        now = time.monotonic()
        if done < total and now - self.sent < 0.1:
            return
        self.sent = now
        try:
            print(json.dumps({"step": step, "done": done, "total": total, "note": note}), file=self.stream, flush=True)
        except BrokenPipeError:
            os._exit(1)


def main() -> int:
    """Measure the job's cell and store its record."""
    channel = Channel(_private_stdout())
    job = Job.model_validate_json(sys.stdin.buffer.read())
    store = Store(Path(sys.argv[1]))
    with (job.work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a process whose parent was killed may still be ending
        try:
            from benchmark.measure import measure

            path = store.append(measure(job, channel.send))
            _clear(job)
        except UserError as error:
            print(error, file=sys.stderr)
            return BAD_INPUT
        except Exception:
            traceback.print_exc()
            return 1
    channel.send("record", 1, 1, str(path))
    return 0


def _clear(job: Job) -> None:
    """Remove what only an interrupted cell needs; the log and the losses of every iteration stay."""
    for pattern in (f"{job.checkpoint.name}*", "scored.jsonl", "lock"):
        for file in job.work.glob(pattern):
            file.unlink()


def _private_stdout() -> TextIO:
    """The pipe to the parent, under another number; file descriptor 1 now leads to the log."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


if __name__ == "__main__":
    sys.exit(main())
