"""What a person waits for, and what the harness adds to a measurement, on the clock of one core."""

import time

import cv2
import pytest

from benchmark.cost.latency import SpeedSettings, TimedCall, take
from benchmark.data.synthetic import World, make_world
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from reports.writers.files import write_reports
from results.analysis.latency_statistics import merged
from results.store import Store
from tests.results.records import record


def cpu_seconds(call):
    """Processor time of this process: what other processes take is not counted."""
    started = time.process_time()
    call()
    return time.process_time() - started


@pytest.mark.slow
def test_a_full_size_pair_takes_three_seconds_at_most(tmp_path):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        pairs_s = cpu_seconds(lambda: make_world(tmp_path, World(), (2448, 2448), train=1, test=1))
    finally:
        cv2.setNumThreads(threads)
    assert pairs_s <= 2 * 3.0


def test_a_thousand_records_are_read_in_a_second(tmp_path):
    store = Store(tmp_path / "records")
    store.folder.mkdir()
    keys = []
    for seed in range(1000):
        made = record("cost", "stdc", seed=seed)
        (store.folder / f"cost-stdc-{made.key}-1.json").write_text(made.model_dump_json())
        keys.append(made.key)
    assert store.find(keys[777]).key == keys[777]
    assert len(store.all()) == 1000
    assert cpu_seconds(lambda: store.find(keys[778])) < 0.02
    assert cpu_seconds(store.all) < 1.0


def test_a_thousand_records_are_reported_in_seconds(tmp_path):
    systems = [SystemFacts(f"s{index}", f"s{index}", "library", 1) for index in range(100)]
    template = record("accuracy", "s0")
    records = []
    for index in range(1000):
        cell = template.cell.model_copy(update={"system": f"s{index // 10}", "seed": index % 10})
        records.append(template.model_copy(update={"key": f"{index}", "cell": cell}))
    assert cpu_seconds(lambda: write_reports(build_tables(records, systems, ["table1"]), tmp_path)) < 5.0


def settings(samples, seconds):
    return SpeedSettings(min_samples=samples, max_samples=samples, seconds_budget=seconds, max_warmup=6)


def test_a_call_that_sleeps_is_measured_within_two_percent():
    call = {"only": TimedCall("predict", lambda: time.sleep(0.05))}
    assert merged([take(call, settings(15, 2.0), lambda: None)["only"]]).median_ms == pytest.approx(50, rel=0.02)


def test_bookkeeping_takes_less_than_one_percent_of_twenty_milliseconds():
    def sampled():
        take({"only": TimedCall("predict", lambda: None)}, settings(200, 5.0), lambda: None)

    sampled()  # the first in a process has imports to do
    assert cpu_seconds(sampled) / 206 < 0.01 * 0.020
