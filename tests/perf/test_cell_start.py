"""What starting a cell's process costs, next to an import of torch."""

import statistics
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from benchmark.run.process import CellProcess
from benchmark.run.worker import BAD_INPUT
from results.store import Store
from tests.benchmark.run.test_pool import planned


@pytest.mark.slow
def test_starting_a_cell_costs_at_most_one_and_a_half_imports_of_torch(tmp_path):
    def seconds(call):
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    (job, *_) = planned(tmp_path, ("stdc",), kinds=("cost",))
    job.work.mkdir(parents=True)
    job = replace(job, card=replace(job.card, name="no such"))  # ends once it has started: only the start is timed

    def start():
        cell = CellProcess(job, Store(tmp_path / "records"), lambda *_: None)
        while cell.receive():
            pass
        cell.process.join()
        assert cell.process.exitcode == BAD_INPUT  # the worker has imported everything and looked the card's name up

    start()  # the server's own start, once in a run
    command = [sys.executable, "-c", "import torch"]
    pairs = [(seconds(lambda: subprocess.run(command, check=True)), seconds(start)) for _ in range(3)]
    imports, starts = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert starts <= 1.5 * imports
