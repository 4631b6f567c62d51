"""The Ray engine: what it refuses at once, and that a lost node and a killed driver change no record."""

import importlib.util
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import registry
from benchmark.errors import UserError
from benchmark.run.job import Split
from benchmark.run.ray_nodes import join
from benchmark.training.settings import Meeting
from results.store import Store
from tests.benchmark.data.fakes import write_deepglobe
from tests.benchmark.run.test_pool import planned
from tests.packages import environment, isdbench, write_slownet
from tests.test_end_to_end import RUN, TEST, TRAIN, accuracy_of, all_but_the_reference, figures, kill_tree, wait_for

HAS_RAY = importlib.util.find_spec("ray") is not None
THREAD = ("--threads", "1")


def test_an_address_without_ray_is_refused(tmp_path):
    done = isdbench("run", "table1", "--address", "auto", folder=tmp_path, check=False)
    assert done.returncode == 2
    assert "--engine ray" in done.stderr


def test_several_nodes_without_ray_are_refused(tmp_path):
    done = isdbench("run", "table1", "--nodes", "2", folder=tmp_path, check=False)
    assert done.returncode == 2
    assert "--nodes 2: only a Ray cluster has several; add --engine ray" in done.stderr


def test_a_node_that_cannot_train_says_why(tmp_path):
    split = Split(train=("1",), scored=("2",), scored_name="test")
    changes = {"root": tmp_path / "absent", "split": split, "devices": 2, "nodes": 2}
    (job,) = planned(tmp_path, ("stdc",), ("accuracy",), dataset=registry.dataset("deepglobe").info, **changes)
    here = replace(job, meeting=Meeting(address="127.0.0.1", port=1, node=1))
    with pytest.raises(UserError, match=r"--nodes: node 1 cannot train: .*absent.*; log: .*log-1\.txt"):
        join(here, Path.cwd())


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_one_line_says_what_to_install(tmp_path):
    done = isdbench("run", "table1", "--engine", "ray", folder=tmp_path, check=False)
    assert done.returncode == 2
    assert "pip install 'isdbench[ray]'" in done.stderr


@pytest.mark.skipif(not HAS_RAY or "ISDBENCH_RAY" not in os.environ, reason="belongs to `nox -s ray`")
def test_a_lost_node_and_a_killed_driver_leave_the_records_of_an_undisturbed_run(tmp_path):
    from ray.cluster_utils import Cluster

    write_deepglobe(tmp_path / "data", (*TRAIN, *TEST), size=(256, 256))
    package = write_slownet(tmp_path / "package", forward="time.sleep(2) if self.training else None")
    isdbench(*RUN, *THREAD, "--out", "whole/out", folder=tmp_path, paths=[package])

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    node = cluster.add_node(num_cpus=1)
    words = (*RUN, *THREAD, "--engine", "ray", "--address", cluster.address)
    try:
        for _ in range(2):
            driver = start_driver(tmp_path, package, words)
            trained = losses(tmp_path)
            wait_for(lambda trained=trained: losses(tmp_path) > trained, driver, seconds=240)
            kill_tree(driver)
            time.sleep(1)
        driver = start_driver(tmp_path, package, words)
        wait_for(lambda: list((tmp_path / "out/work").glob("*/training.pt")), driver, seconds=240)
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(num_cpus=1)
        assert driver.wait(timeout=240) == 0
    finally:
        cluster.shutdown()
    assert figures(accuracy_of(tmp_path)) == figures(accuracy_of(tmp_path / "whole"))
    assert len(all_but_the_reference(tmp_path)) == 2  # each cell once
    assert list((tmp_path / "out").rglob(".*")) == []


@pytest.mark.skipif(not HAS_RAY or "ISDBENCH_RAY" not in os.environ, reason="belongs to `nox -s ray`")
def test_table_1_on_three_nodes_that_come_and_go(tmp_path):
    """A node is lost in a training, the driver is killed twice, and the records are those of the local engine."""
    from ray.cluster_utils import Cluster

    words = ("run", "table1", "--profile", "smoke", "--only", "accuracy", "--device", "cpu", *THREAD)
    isdbench(*words, "--out", "whole/out", folder=tmp_path)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    try:
        for _ in range(2):
            driver = start_driver(tmp_path, None, (*words, "--engine", "ray", "--address", cluster.address))
            made = len(accuracies(tmp_path))
            wait_for(lambda made=made: len(accuracies(tmp_path)) >= made + 4, driver, seconds=900)
            kill_tree(driver)
            time.sleep(1)
        driver = start_driver(tmp_path, None, (*words, "--engine", "ray", "--address", cluster.address))
        wait_for(lambda: list((tmp_path / "out/work").glob("*/training.losses.jsonl")), driver, seconds=900)
        cluster.remove_node(nodes[0], allow_graceful=False)
        cluster.add_node(num_cpus=1)
        assert driver.wait(timeout=1800) == 0
    finally:
        cluster.shutdown()
    assert accuracies(tmp_path) == accuracies(tmp_path / "whole")
    assert list((tmp_path / "out").rglob(".*")) == []


@pytest.mark.skipif(not HAS_RAY or "ISDBENCH_RAY" not in os.environ, reason="belongs to `nox -s ray`")
def test_two_nodes_that_share_a_training_come_and_go(tmp_path):
    """Each of the two nodes is lost once; the record is that of two processes on one machine."""
    from ray.cluster_utils import Cluster

    write_deepglobe(tmp_path / "data", (*TRAIN, *TEST), size=(256, 256))
    package = write_slownet(tmp_path / "package", forward="time.sleep(1) if self.training else None")
    words = (*RUN, *THREAD, "--only", "accuracy", "--iterations", "16")
    isdbench(*words, "--devices", "2", "--out", "whole/out", folder=tmp_path, paths=[package])

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    try:
        shared = (*words, "--nodes", "2", "--engine", "ray", "--address", cluster.address)
        driver = start_driver(tmp_path, package, shared)
        for node in nodes:
            trained = losses(tmp_path)
            wait_for(lambda trained=trained: losses(tmp_path) > trained + 1, driver, seconds=240)
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(num_cpus=1)
        assert driver.wait(timeout=480) == 0
    finally:
        cluster.shutdown()
    assert accuracies(tmp_path) == accuracies(tmp_path / "whole")
    assert list((tmp_path / "out").rglob(".*")) == []


@pytest.mark.skipif(not HAS_RAY or "ISDBENCH_RAY" not in os.environ, reason="belongs to `nox -s ray`")
def test_another_node_that_fails_before_the_nodes_meet_makes_a_failed_record(tmp_path):
    from ray.cluster_utils import Cluster

    write_deepglobe(tmp_path / "data", (*TRAIN, *TEST), size=(256, 256))
    package = write_slownet(tmp_path / "package")
    net = package / "slownet.py"
    fails = 'if os.readlink("/proc/self/fd/1").endswith("log-1.txt"):\n        raise RuntimeError("no licence here")'
    net.write_text(net.read_text().replace("    import torch\n", f"    import os\n    import torch\n    {fails}\n", 1))
    words = (*RUN, *THREAD, "--only", "accuracy", "--nodes", "2", "--engine", "ray", "--address")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        driver = start_driver(tmp_path, package, (*words, cluster.address))
        driver.wait(timeout=240)
    finally:
        cluster.shutdown()
    (failed,) = all_but_the_reference(tmp_path)
    assert failed.status == "failed"
    assert "node 1 cannot train: RuntimeError: no licence here" in failed.reason
    assert "Traceback" not in (tmp_path / "driver.txt").read_text()


def accuracies(folder):
    """What must not depend on the engine, of each cell; a cell that has two records is an error."""
    records = folder / "out" / "records"
    made = Store(records).all() if records.is_dir() else []
    assert len({record.key for record in made}) == len(made)
    return {record.key: figures(record) for record in made}


def losses(folder):
    return sum(len(path.read_text().splitlines()) for path in (folder / "out/work").glob("*/training.losses.jsonl"))


def start_driver(folder, package, words):
    command = [sys.executable, "-m", "benchmark", *words]
    with (folder / "driver.txt").open("a") as output:
        return subprocess.Popen(
            command, cwd=folder, env=environment(*filter(None, [package])), stdout=output, stderr=output
        )
