"""The order in which cells run, what a round leaves, and what starting a cell's process costs."""

from collections import Counter
from dataclasses import replace

import pytest

from benchmark import registry
from benchmark.cost.measure import Round
from benchmark.run import cost_cell, pool
from benchmark.run.options import RunOptions
from benchmark.run.plan import jobs
from benchmark.run.profiles import profile
from results.store import Store
from tests.results import records

SYSTEMS = ("stdc", "isdnet", "icnet", "pspnet")
ROUNDS = profile("smoke").rounds


def planned(tmp_path, systems=SYSTEMS, kinds=("accuracy", "cost"), **changes):
    info = registry.dataset("synthetic").info
    settings = {"profile": profile("smoke"), "dataset": info, "image_size": (64, 64), "kinds": kinds, "out": tmp_path}
    options = RunOptions(**{**settings, **changes})
    return [job for name in systems for job in jobs(registry.card(name), "deepglobe", options)]


def record_of(job):
    made = records.record(job.cell.kind, job.cell.system)
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
    monkeypatch.setattr(pool, "run_cell", run)
    return run


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
