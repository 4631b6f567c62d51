"""The time left, in a simulated run: a plan of real cells on a clock that the test moves."""

import io
import random
import re
from dataclasses import replace

import pytest

from benchmark import registry
from benchmark.commands.progress import Display
from benchmark.machine.device import cpu_threads
from benchmark.run.durations import COMMITTED, Durations, steps
from benchmark.run.job import Split
from benchmark.run.messages import RoundDone, Step
from benchmark.run.options import RunOptions
from benchmark.run.plan import plan
from benchmark.run.profiles import profile
from benchmark.run.tables import systems_of
from results.paper import paper_table
from results.store import Store
from tests.results.records import record

TABLE = paper_table("table1")
SPLIT = Split(train=tuple("abcdefgh"), scored=("i", "j"), scored_name="test")
TICK = 0.5  # seconds of the simulated clock


def planned(tmp_path, **changes):
    info = registry.dataset("synthetic").info
    settings = {"profile": profile("smoke"), "dataset": info, "image_size": (612, 612), "ratio": 0.25, "split": SPLIT}
    settings |= {"threads": cpu_threads(), "hardware": "another CPU", "out": tmp_path}
    return plan(TABLE, RunOptions(**{**settings, **changes}))


class Machine:
    """Runs the processes of jobs on a clock of its own, each step as long as ``slowness`` says."""

    def __init__(self, jobs, predicted, slowness):
        self.now, self.jobs, self.stream = 0.0, jobs, io.StringIO()
        self.display = Display(self.stream, clock=lambda: self.now)
        self.work = [(job, index, process) for job in jobs for index, process in enumerate(predicted[job.cell.key])]
        self.work.sort(key=lambda one: one[0].cell.kind, reverse=True)  # costs first
        self.slowness = slowness
        self.estimates = []  # (when, seconds left)

    def run(self, store):
        self.display.plan(self.jobs, store)
        for job, _, process in self.work:
            self.process(job, process)
            if (job, process) == next((j, p) for j, _, p in reversed(self.work) if j is job):
                self.display.finished(job, record(job.cell.kind, job.cell.system), known=False)
            else:
                self.display.progress(job, RoundDone(1))

    def process(self, job, process):
        self.display.progress(job, Step("start", 0, 1))
        for name, seconds in process.items():
            total = 1 if name == "start" else 5
            for done in range(1, total + 1):
                self.pass_time(job, Step(name, done - 1, total), seconds * self.slowness(job) / total)
                if name != "start":
                    self.display.progress(job, Step(name, done, total))

    def pass_time(self, job, step, seconds):
        end = self.now + seconds
        while self.now + TICK < end:
            self.now += TICK
            self.estimates.append((self.now, self.display.time.seconds()))
            if round(self.now / TICK) % 20 == 0:
                self.display.progress(job, Step(step.name, step.done, step.total, repeated=True))
        self.now = end


@pytest.mark.parametrize("slowness", [0.4, 1.0, 3.0])
def test_the_estimate_is_right_within_half_of_it_from_the_first_minute_on(tmp_path, slowness):
    jobs = planned(tmp_path)
    predicted = {job.cell.key: steps(job, Durations([COMMITTED], systems_of(TABLE, registry.cards()))) for job in jobs}
    noise = random.Random(0)
    own = {job.cell.key: noise.uniform(0.75, 1.35) for job in jobs}  # what no record knows
    machine = Machine(jobs, predicted, lambda job: slowness * own[job.cell.key])
    machine.run(tmp_path)
    judged = [(machine.now - when, left) for when, left in machine.estimates if when > 60 and machine.now - when > 10]
    assert len(judged) > 300
    assert max(max(true / left, left / true) for true, left in judged) < 1.5


def test_a_line_is_written_every_half_minute(tmp_path):
    jobs = planned(tmp_path, systems=("cascadepsp",), kinds=("cost",))
    machine = Machine(jobs, {job.cell.key: [{"start": 200.0}] for job in jobs}, lambda job: 1.0)
    machine.run(tmp_path)
    lines = machine.stream.getvalue().splitlines()
    assert len(lines) >= 200 / 30
    assert re.fullmatch(r"cascadepsp start: 0 of 1 \(1 cell to go, about \d+ (s|min) left\)", lines[0])


def test_the_committed_records_of_one_run_are_predicted_from_their_latencies(tmp_path):
    durations = Durations([COMMITTED], systems_of(TABLE, registry.cards()))
    jobs = planned(tmp_path, hardware="Intel(R) Xeon(R) Processor")
    seen = {(one.cell.system, one.cell.kind): one for one in Store(COMMITTED).all() if _from_that_run(one)}
    taken = predicted = 0.0
    for job in jobs:
        if (job.cell.system, job.cell.kind) in seen:
            taken += seen[job.cell.system, job.cell.kind].provenance.wall_seconds
            predicted += sum(sum(process.values()) for process in steps(job, durations))
    assert taken > 600
    assert predicted == pytest.approx(taken, rel=0.3)


def _from_that_run(one):
    cell = one.cell
    fits = (cell.profile, cell.dataset, one.status) == ("smoke", "synthetic", "ok")
    return fits and one.environment.cpu_model.startswith("Intel")


def test_a_system_without_a_record_is_judged_by_its_flops(tmp_path):
    (slow,) = planned(tmp_path, systems=("cascadepsp",), kinds=("cost",))
    (fast,) = planned(tmp_path, systems=("stdc",), kinds=("cost",))
    none = Durations([], ())
    assert none.of("call", slow) > 20 * none.of("call", fast)
    measured = Durations([COMMITTED], ["stdc"])
    assert 0.05 < measured.of("call", fast) < 2.0


def test_what_an_interrupted_run_did_is_not_expected_again(tmp_path):
    (job,) = planned(tmp_path, systems=("stdc",), kinds=("cost",))
    assert len(steps(job, Durations([], ()))) == job.rounds
    job.work.mkdir(parents=True)
    job.round_file(1).write_text("{}")
    assert len(steps(job, Durations([], ()))) == job.rounds - 1
    now = [0.0]
    display = Display(io.StringIO(), clock=lambda: now[0])
    (job,) = planned(tmp_path, systems=("stdc",), kinds=("accuracy",))
    display.plan([job], tmp_path)
    display.progress(job, Step("start", 0, 1))
    before = display.time.seconds()
    display.progress(job, Step("train", 8, 8))
    assert display.time.seconds() < before
    assert display.time.running[job.cell.key].skipped["train"] > 0


def test_the_longest_chains_run_first_a_base_before_what_needs_it(tmp_path):
    changed = replace(profile("smoke"), recipe="short", shared={"unet-global": "unet-local"})
    jobs = planned(tmp_path, systems=("stdc", "isdnet", "unet-global"), kinds=("accuracy",), profile=changed)
    display = Display(io.StringIO())
    display.plan(jobs, tmp_path)
    seconds = {job.cell.key: sum(display.time.ahead[job.cell.key][0].values()) for job in jobs}
    ordered = display.time.longest_first(jobs)
    assert {job.cell.key for job in ordered} == {job.cell.key for job in jobs}
    names = [job.cell.system for job in ordered]
    assert names.index("unet-local") < names.index("unet-global")
    alone = [seconds[job.cell.key] for job in ordered if job.cell.system in ("stdc", "isdnet")]
    assert alone == sorted(alone, reverse=True)
