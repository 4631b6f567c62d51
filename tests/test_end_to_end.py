"""The main job through the command line, on a tiny copy of DeepGlobe: bad input, kills, crashes, a full memory."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

from results.store import Store
from tests.benchmark.data.fakes import write_deepglobe
from tests.packages import environment, isdbench, write_slownet

TRAIN, TEST = ("119", "266", "855"), ("606", "7791")
RUN = (
    "run",
    "table1",
    "--profile",
    "smoke",
    "--dataset",
    "deepglobe",
    "--root",
    "data",
    "--systems",
    "slownet",
    "--device",
    "cpu",
)


@pytest.fixture
def folder(tmp_path):
    write_deepglobe(tmp_path / "data", (*TRAIN, *TEST), size=(256, 256))
    return tmp_path


def all_but_the_reference(folder):
    return [record for record in Store(folder / "out" / "records").all() if record.cell.system != "constant"]


def accuracy_of(folder):
    (record,) = [record for record in all_but_the_reference(folder) if record.cell.kind == "accuracy"]
    return record


def figures(record):
    """What must not depend on an interruption."""
    return record.accuracy.model_dump(exclude={"train_seconds", "evaluate_seconds", "steps_per_second"})


def start(folder, package, *words):
    command = [sys.executable, "-m", "benchmark", *RUN, *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # a shell starts its background jobs, of which this test may be one, with SIGINT ignored
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=folder, env=environment(package), preexec_fn=heard, **quiet)  # noqa: PLW1509


def kill_tree(process):
    """SIGKILL to the process and all that it started, the youngest last."""
    for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        each.kill()
    process.wait()


def alive(process):
    """Whether a process has not ended; one that nobody has waited for has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_run_continues_and_leaves_the_same_record(folder, tmp_path):
    slow = "time.sleep(0.1) if self.training else time.sleep(0.7)"
    package = write_slownet(tmp_path / "package", forward=slow)
    isdbench(*RUN, "--only", "accuracy", "--out", "whole/out", folder=folder, paths=[package])
    uninterrupted = figures(accuracy_of(folder / "whole"))

    work = folder / "out" / "work"
    process = start(folder, package, "--only", "accuracy")
    wait_for(lambda: list(work.glob("*/training.pt")), process)
    kill_tree(process)
    process = start(folder, package, "--only", "accuracy")
    wait_for(lambda: any(len(path.read_text().splitlines()) == 2 for path in work.glob("*/scored.jsonl")), process)
    server = psutil.Process(process.pid).children()
    cell = [child for each in server for child in each.children(recursive=True)]
    assert cell
    process.kill()  # it alone: its cell, in the middle of a call, must not live on
    process.wait()
    end = time.monotonic() + 5
    while any(map(alive, cell)):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not list((folder / "out").glob("records/*.json"))
    (half,) = (path.parent / ".training.pt.77.part" for path in work.glob("*/scored.jsonl"))
    half.write_bytes(b"a checkpoint, when its process was killed")
    isdbench(*RUN, "--only", "accuracy", folder=folder, paths=[package])
    record = accuracy_of(folder)
    assert record.provenance.resumed
    assert list((folder / "out").rglob(".*")) == []  # no half-written file and no lease
    assert figures(record) == uninterrupted


@pytest.mark.slow
def test_a_crash_is_a_record_and_the_sweep_goes_on(folder, tmp_path):
    package = write_slownet(tmp_path / "package", loss="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    done = isdbench(*RUN, folder=folder, paths=[package], check=False)
    assert done.returncode == 1
    records = {record.cell.kind: record for record in all_but_the_reference(folder)}
    assert records["accuracy"].status == "failed"
    assert "SIGKILL" in records["accuracy"].reason
    assert records["cost"].status == "ok"


@pytest.mark.slow
def test_a_full_memory_is_a_record(folder, tmp_path):
    package = write_slownet(tmp_path / "package", forward="torch.empty(2**58)")
    done = isdbench(*RUN, folder=folder, paths=[package])
    assert "oom" in done.stdout
    assert {record.status for record in all_but_the_reference(folder)} == {"oom"}
    again = isdbench(*RUN, folder=folder, paths=[package])
    assert again.stderr.count("on record") == 3


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_loses_the_cell_in_flight_only(folder, tmp_path, sent, status):
    package = write_slownet(tmp_path / "package", loss="time.sleep(0.5)")
    process = start(folder, package, "--only", "accuracy")
    wait_for(lambda: list((folder / "out" / "work").glob("*/training.losses.jsonl")), process)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, sent)
    assert process.wait(timeout=20) == status
    assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("system", ["stdc", "slownet"])  # of a library's classes, and of one inside a function
def test_two_devices_train_and_score_together(system, folder, tmp_path):
    """On a CPU a device is a process: what a machine with two GPUs does, without one."""
    package = write_slownet(tmp_path / "package")
    words = [system if word == "slownet" else word for word in RUN]
    more = ("--only", "accuracy", "--devices", "2", "--threads", "1", "--batch", "4")  # batch norm needs two samples
    isdbench(*words, *more, folder=folder, paths=[package])
    record = accuracy_of(folder)
    assert (record.status, record.cell.devices, record.accuracy.iterations) == ("ok", 2, 8)
    assert set(record.accuracy.images) == set(TEST)
    isdbench("records", "validate", "out/records", folder=folder, paths=[package])
