import os
import time

import pytest

from benchmark.cli import main
from results.store import Store
from results.upkeep import STALE_S
from tests.results.records import record


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def out(tmp_path):
    """A folder after two kills: a finished cell's checkpoint, half-written files, a lease; and what a live run has."""
    store = Store(tmp_path / "records")
    done = record("accuracy", "stdc")
    store.append(done)
    for name in (f"work/{done.key}/training.pt", f"work/{done.key}/log.txt", "work/unfinished/training.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    old = ("work/unfinished/.training.pt.77.part", "records/.abc.part", "records/.lease-0123-1")
    for name in (*old, "work/unfinished/.training.pt.78.part", "records/.lease-4567-1"):
        (tmp_path / name).write_text("x")
        age(tmp_path / name, STALE_S + 5 if name in old else STALE_S - 60)
    return tmp_path


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_gc_removes_what_killed_runs_left_and_nothing_else(out, capsys):
    key = record("accuracy", "stdc").key
    before = files(out)
    assert main(["records", "gc", "--out", str(out)]) == 0
    gone = {
        *("work/unfinished/.training.pt.77.part", "records/.abc.part", "records/.lease-0123-1"),
        f"work/{key}/training.pt",
    }
    assert before - files(out) == gone
    assert {line.removeprefix(f"{out}/") for line in capsys.readouterr().out.split()} == gone


def test_gc_needs_a_folder(tmp_path, capsys):
    assert main(["records", "gc", "--out", str(tmp_path / "none")]) == 2
    assert "no such folders" in capsys.readouterr().err


def test_a_superseded_record_stays_on_disk_but_no_longer_counts(tmp_path, capsys):
    store = Store(tmp_path)
    path = store.append(record("cost", "stdc"))
    kept = store.append(record("cost", "isdnet"))
    words = ["records", "supersede", str(path), "--reason", "another process was on the GPU"]
    assert main(words) == 0
    assert path.exists()
    assert "another process" in path.with_name(f"{path.name}.superseded").read_text()
    assert store.find(record("cost", "stdc").key) is None
    assert [one.cell.system for one in store.read().records] == ["isdnet"]
    assert store.read().problems == ()
    capsys.readouterr()
    nowhere, unsaid = (str(tmp_path / "none.json"), "--reason", "x"), (str(kept), "--reason", " ")
    for bad in (words, [*words[:2], *nowhere], [*words[:2], *unsaid]):
        assert main(bad) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert len(store.read().records) == 1
