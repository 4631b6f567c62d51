"""The order in which cells run, what a round leaves, and what starting a cell's process costs."""

import multiprocessing
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from benchmark import registry
from benchmark.cost.measure import Round
from benchmark.run import cost_cell, pool
from benchmark.run.options import RunOptions
from benchmark.run.plan import jobs
from benchmark.run.profiles import profile
from results.lease import Leases
from results.store import Store
from tests.results import records

SYSTEMS = ("stdc", "isdnet", "icnet", "pspnet")
ROUNDS = profile("smoke").rounds


def planned(tmp_path, systems=SYSTEMS, kinds=("accuracy", "cost"), **changes):
    info = registry.dataset("synthetic").info
    settings = {"profile": profile("smoke"), "dataset": info, "image_size": (64, 64), "kinds": kinds, "out": tmp_path}
    options = RunOptions(**{**settings, **changes})
    return [job for name in systems for job in jobs(registry.card(name), "deepglobe", options)]


def record_of(job, **changes):
    made = records.record(job.cell.kind, job.cell.system, **changes)
    return made.model_copy(update={"cell": job.cell, "key": job.cell.key, "protocol_hash": job.cell.protocol.hash})


@pytest.fixture
def runs(monkeypatch):
    """The jobs in the order in which they ran; none has a process, and the system ``failing`` fails at once."""
    ran = []

    def run(job, store, report):
        ran.append(job)
        if job.round == job.rounds or job.cell.system == run.failing:
            return record_of(job)
        job.work.mkdir(parents=True, exist_ok=True)
        job.round_file(job.round).write_text("{}")
        return None

    run.failing = ""
    run.ran = ran
    monkeypatch.setattr(pool, "CellProcess", in_this_process(run))
    return run


def in_this_process(run):
    """A stand-in for a cell's process that has ended as soon as it is started; ``run`` gives its record."""

    class Ended:
        def __init__(self, job, store, report):
            self.job, self.result = job, run(job, store, report)
            self.pipe, theirs = multiprocessing.Pipe(duplex=False)
            theirs.close()

        def receive(self):
            return False

        def repeat_if_silent(self):
            pass

        def record(self):
            return self.result

        def stop(self):
            self.pipe.close()

    return Ended


def ended(tmp_path, *arguments, **changes):
    return list(pool.run_jobs(planned(tmp_path, *arguments, **changes), Store(tmp_path / "records"), lambda *_: None))


def test_costs_come_first_in_shuffled_rounds_of_all_systems(runs, tmp_path):
    done = ended(tmp_path)
    assert len(done) == 2 * len(SYSTEMS)
    kinds = [job.cell.kind for job in runs.ran]
    assert kinds == ["cost"] * ROUNDS * len(SYSTEMS) + ["accuracy"] * len(SYSTEMS)
    rounds = [[job for job in runs.ran if job.cell.kind == "cost" and job.round == n] for n in range(1, ROUNDS + 1)]
    orders = [[job.cell.system for job in one] for one in rounds]
    assert all(sorted(order) == sorted(SYSTEMS) for order in orders)
    assert len({tuple(order) for order in orders} | {SYSTEMS}) > 2
    assert [job.cell.system for job in runs.ran if job.cell.kind == "accuracy"] == list(SYSTEMS)


def test_each_cell_is_yielded_once_as_it_was_planned(runs, tmp_path):
    yielded = [job for job, _, _ in ended(tmp_path)]
    assert Counter(job.cell.key for job in yielded) == Counter(job.cell.key for job in planned(tmp_path))
    assert all(job in planned(tmp_path) for job in yielded)


def test_a_cell_that_fails_in_an_early_round_has_no_later_one(runs, tmp_path):
    runs.failing = "isdnet"
    done = ended(tmp_path, kinds=("cost",))
    assert [job.round for job in runs.ran if job.cell.system == "isdnet"] == [1]
    assert len(done) == len(SYSTEMS)
    assert done[0][0].cell.system == "isdnet"


def test_a_round_that_an_interrupted_run_left_is_not_run_again(runs, tmp_path):
    (job, *_) = planned(tmp_path, ("stdc",), kinds=("cost",))
    job.work.mkdir(parents=True)
    job.round_file(1).write_text("{}")
    ended(tmp_path, ("stdc",), kinds=("cost",))
    assert [job.round for job in runs.ran] == list(range(2, ROUNDS + 1))


def test_what_is_on_record_does_not_run(runs, tmp_path):
    (job, *_) = planned(tmp_path, ("stdc",), kinds=("cost",))
    Store(tmp_path / "records").append(record_of(job))
    ((_, _, known),) = ended(tmp_path, ("stdc",), kinds=("cost",))
    assert known
    assert runs.ran == []


def test_a_round_is_kept_for_the_last_which_clears_it(tmp_path, monkeypatch):
    (job, *_) = planned(tmp_path, ("stdc",), kinds=("cost",))
    seen = []
    taken = Round(samples=(), gpu_readings=(), gpu_reason="none", labels_hash="a")
    monkeypatch.setattr(cost_cell, "inputs", lambda job: (None, None))
    monkeypatch.setattr(cost_cell, "sample", lambda *_, **__: taken)
    monkeypatch.setattr(cost_cell, "measure", lambda *_, earlier, **__: seen.append(earlier) or records.cost())
    assert cost_cell.measure_cost(job, lambda *_: None) is None
    last = replace(job, round=ROUNDS)
    assert cost_cell.measure_cost(last, lambda *_: None) == records.cost()
    assert seen == [[taken]]
    assert cost_cell.earlier(last)[0].wall_seconds >= 0


def test_a_cell_that_another_run_is_at_work_on_is_waited_for_and_its_outcome_taken(runs, tmp_path, monkeypatch):
    jobs_of = {job.cell.system: job for job in planned(tmp_path, kinds=("accuracy",))}
    theirs, store, told = jobs_of["isdnet"], Store(tmp_path / "records"), []
    store.ensure_writable()
    other = Leases(store.folder)
    assert other.take(theirs.cell.key)

    def meanwhile(seconds):
        assert [job.cell.system for job in runs.ran] == ["stdc", "icnet", "pspnet"]
        store.append(record_of(theirs, status="failed", reason="a traceback"))
        other.release(theirs.cell.key)

    monkeypatch.setattr(pool.time, "sleep", meanwhile)
    done = list(pool.run_jobs(list(jobs_of.values()), store, lambda job, message: told.append((job, message))))
    assert [(job.cell.system, record.status, known) for job, record, known in done[-1:]] == [("isdnet", "failed", True)]
    assert len(done) == len(SYSTEMS)
    assert {(job.cell.system, type(message).__name__) for job, message in told} == {("isdnet", "Elsewhere")}
    assert len(store.all()) == 1


def test_a_failure_of_an_earlier_run_runs_again(runs, tmp_path):
    (job,) = planned(tmp_path, ("stdc",), kinds=("accuracy",))
    Store(tmp_path / "records").append(record_of(job, status="failed", reason="a traceback"))
    ((_, _, known),) = ended(tmp_path, ("stdc",), kinds=("accuracy",))
    assert not known


def test_a_refiner_waits_for_the_base_that_another_run_trains(runs, tmp_path, monkeypatch):
    base, refiner = planned(tmp_path, ("segfix",), kinds=("accuracy",), recipe="short")
    store = Store(tmp_path / "records")
    store.ensure_writable()
    other = Leases(store.folder)
    other.take(base.cell.key)

    def meanwhile(seconds):
        assert runs.ran == []
        store.append(record_of(base))
        other.release(base.cell.key)

    monkeypatch.setattr(pool.time, "sleep", meanwhile)
    done = list(pool.run_jobs([base, refiner], store, lambda *_: None))
    assert [(job, known) for job, _, known in done] == [(base, True), (refiner, False)]


def test_runs_at_the_same_time_measure_each_cell_once(tmp_path, monkeypatch):
    ran = []

    def run(job, store, report):
        ran.append((job.cell.key, job.round))
        time.sleep(0.02)
        if job.round < job.rounds:
            return None
        store.append(record_of(job))
        return record_of(job)

    monkeypatch.setattr(pool, "CellProcess", in_this_process(run))
    monkeypatch.setattr(pool, "LOOK_AGAIN_S", 0.02)
    done = [[], [], []]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(ended(tmp_path))) for mine in done]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Counter(job.cell.key for job in planned(tmp_path))
    assert all(Counter(job.cell.key for job, _, _ in mine) == keys for mine in done)
    assert max(Counter(ran).values()) == 1
    assert len(Store(tmp_path / "records").all()) == len(keys)
    assert [path for path in (tmp_path / "records").iterdir() if path.name.startswith(".")] == []


@pytest.fixture
def cores(monkeypatch):
    """A machine of four cores."""
    for module in ("pool", "job"):
        monkeypatch.setattr(f"benchmark.run.{module}.cpu_threads", lambda: 4)


@pytest.mark.parametrize(("threads", "at_once"), [(1, 4), (2, 2), (3, 1), (4, 1), (None, 1)])
def test_trainings_run_side_by_side_as_far_as_their_threads_fit_the_cores(
    tmp_path, monkeypatch, cores, threads, at_once
):
    running, most = [], []

    class Slow:
        def __init__(self, job, store, report):
            self.job, (self.pipe, theirs) = job, multiprocessing.Pipe(duplex=False)
            running.append(job.cell.system)
            most.append(len(running))
            threading.Timer(0.05, theirs.close).start()

        def receive(self):
            return False

        def repeat_if_silent(self):
            pass

        def record(self):
            running.remove(self.job.cell.system)
            return record_of(self.job)

        def stop(self):
            self.pipe.close()

    monkeypatch.setattr(pool, "CellProcess", Slow)
    done = ended(tmp_path, kinds=("accuracy",), threads=threads)
    assert sorted(job.cell.system for job, _, _ in done) == sorted(SYSTEMS)
    assert max(most) == at_once


def test_a_profile_may_train_on_fewer_threads_than_it_measures_with(tmp_path):
    accuracy, cost = planned(tmp_path, ("stdc",), profile=profile("first"), threads=8)
    assert (accuracy.cell.protocol.threads, cost.cell.protocol.threads) == (1, 8)
