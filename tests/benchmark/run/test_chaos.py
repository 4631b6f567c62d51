"""Several runs on one folder, and runs that are killed at random moments: nothing is lost, nothing is there twice."""

import os
import random
import signal
import time

import psutil
import pytest

from benchmark.rules.check import check
from results.store import Store
from tests.benchmark.data.fakes import write_deepglobe
from tests.packages import isdbench, write_slownet
from tests.test_end_to_end import RUN, TEST, TRAIN, figures, kill_tree, start

KILLS = int(os.environ.get("ISDBENCH_CHAOS", "0"))  # `nox -s chaos` sets it
# from the start of a run to its kill, at most: Ray's workers import torch anew for each driver; the cluster of
# "ray-cluster" stands, that of "ray" begins and ends with each run
LONGEST_S = {"local": 12.0, "ray": 40.0, "ray-cluster": 30.0}
PATIENCE_S = 120  # Ray's agents look now and then whether their node is still there
CELLS = 5  # three trainings, one cost, the reference


@pytest.fixture
def folder(tmp_path):
    write_deepglobe(tmp_path / "data", (*TRAIN, *TEST), size=(256, 256))
    return tmp_path


def trained(folder):
    """The values of each training, by its seed; a cell with two records fails."""
    records = Store(folder / "records").all()
    assert len({record.key for record in records}) == len(records)
    assert all(record.status == "ok" for record in records)
    nets = [one for one in records if one.accuracy and one.cell.system == "slownet"]
    return {one.cell.seed: figures(one) for one in nets}, len(records)


def refused(folder):
    """What the rules refuse in the records; that nobody knows this test's package does not refuse."""
    found = check(sorted((folder / "records").glob("*.json")))
    return [finding for findings in found.values() for finding in findings if finding.rule.refuses]


def hidden(folder):
    return [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.slow
def test_two_runs_of_one_folder_make_each_record_once(folder, tmp_path):
    package = write_slownet(tmp_path / "package", forward="time.sleep(0.1) if self.training else None")
    runs = [start(folder, package, "--seeds", "3") for _ in range(2)]
    assert [run.wait(timeout=240) for run in runs] == [0, 0]
    seeds, count = trained(folder / "out")
    assert (sorted(seeds), count) == ([0, 1, 2], CELLS)
    assert hidden(folder / "out") == []


@pytest.mark.skipif(not KILLS, reason="belongs to `nox -s chaos`")
@pytest.mark.parametrize("engine", LONGEST_S)
def test_runs_killed_at_random_leave_the_records_of_an_undisturbed_one(engine, folder, tmp_path, request):
    package = write_slownet(tmp_path / "package", forward="time.sleep(0.3) if self.training else time.sleep(0.2)")
    alike = ("--seeds", "3", "--threads", "1")
    isdbench(*RUN, *alike, "--out", "whole", folder=folder, paths=[package])
    words, dice = (*alike, *words_of(engine, request)), random.Random(0)
    whole, _ = trained(folder / "whole")
    finished, kills = 0, 0
    while kills < KILLS:
        out = f"out{finished}"
        run = start(folder, package, *words, "--out", out)
        time.sleep(dice.uniform(0.5, LONGEST_S[engine]))
        if run.poll() is None:
            hit(run, dice)
            kills += 1
        else:
            finished += 1
    isdbench(*RUN, *words, "--out", f"out{finished}", folder=folder, paths=[package])
    for number in range(finished + 1):
        seeds, count = trained(folder / f"out{number}")
        assert (seeds, count) == (whole, CELLS)
        assert refused(folder / f"out{number}") == []
        assert hidden(folder / f"out{number}") == []
    print(f"{engine}: {kills} kills, {finished + 1} tables, each with the records of the undisturbed one")


def words_of(engine, request):
    """What a run by this engine says; a cluster that stands ends with the test."""
    if engine == "local":
        return ()
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    if engine == "ray":
        return ("--engine", "ray")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    request.addfinalizer(cluster.shutdown)
    return ("--engine", "ray", "--address", cluster.address)


def hit(run, dice):
    """A signal of four kinds; the whole tree, or the parent alone, whose children must then end by themselves."""
    children = psutil.Process(run.pid).children(recursive=True)
    kind = dice.choice(("tree", "parent", "terminated", "interrupted"))
    if kind == "tree":
        kill_tree(run)
    else:
        os.kill(run.pid, {"parent": signal.SIGKILL, "terminated": signal.SIGTERM, "interrupted": signal.SIGINT}[kind])
        run.wait(timeout=60)
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert left == [], kind
