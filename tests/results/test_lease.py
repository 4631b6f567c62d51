"""Leases: one holder at a time, without locks; those of the dead and the silent expire."""

import json
import os
import subprocess
import sys
import threading

import pytest

from results import lease
from results.errors import UserError
from results.lease import EXPIRES_S, PREFIX, Leases, machine

KEY = "0123456789ab"


def left_by(folder, number=1, **owner):
    path = folder / f"{PREFIX}{KEY}-{number}"
    path.write_text(json.dumps({"machine": "elsewhere", "pid": 1, "started": 2.0, **owner}))
    return path


def test_one_of_many_takes_it_and_gives_it_back(tmp_path):
    many = [Leases(tmp_path) for _ in range(8)]
    taken = []
    start = threading.Barrier(len(many))

    def take(leases):
        start.wait()
        if leases.take(KEY):
            taken.append(leases)

    threads = [threading.Thread(target=take, args=(leases,)) for leases in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = taken
    assert not many[0].take(KEY)
    first.release(KEY)
    assert list(tmp_path.iterdir()) == []
    assert many[0].take(KEY)


def test_it_is_given_back_when_a_run_ends(tmp_path):
    with Leases(tmp_path) as leases:
        assert leases.take(KEY)
        assert leases.take("another")
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_dead_process_here_is_taken_at_once(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left_by(tmp_path, machine=machine(), pid=dead.pid)
    leases = Leases(tmp_path)
    assert leases.take(KEY)
    leases.release(KEY)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_got_the_number_of_a_dead_one_is_not_its_owner(tmp_path):
    left_by(tmp_path, machine=machine(), pid=os.getpid(), started=1.0)
    assert Leases(tmp_path).take(KEY)


@pytest.mark.parametrize("content", [None, "", "[1]", '{"pid": "../../1"}'], ids=["other host", "empty", "list", "odd"])
def test_that_of_a_silent_host_expires_and_a_touch_renews_it(tmp_path, monkeypatch, content):
    now = [0.0]
    monkeypatch.setattr(lease.time, "monotonic", lambda: now[0])
    path = left_by(tmp_path)
    if content is not None:
        path.write_text(content)
    leases = Leases(tmp_path)
    assert not leases.take(KEY)
    now[0] += EXPIRES_S - 1
    os.utime(path, (1, 1))  # the other host's clock may say anything
    assert not leases.take(KEY)
    now[0] += EXPIRES_S - 1
    assert not leases.take(KEY)
    now[0] += 2
    assert leases.take(KEY)
    leases.release(KEY)
    assert list(tmp_path.iterdir()) == []


def test_its_owner_touches_it_all_the_while(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "TOUCH_S", 0.01)
    with Leases(tmp_path) as leases:
        leases.take(KEY)
        (path,) = tmp_path.iterdir()
        os.utime(path, (1, 1))
        renewed = threading.Event()
        for _ in range(500):
            if path.stat().st_mtime > 1 or renewed.wait(0.01):
                break
        assert path.stat().st_mtime > 1


def test_a_full_disk_or_a_folder_that_is_gone_is_one_line(tmp_path):
    with Leases(tmp_path) as leases:
        assert leases.take(KEY)
        tmp_path.rename(tmp_path.with_name("away"))
        with pytest.raises(UserError, match="cannot write: No such file or directory; free some space"):
            leases.take("another")
        leases.release(KEY)


def test_the_holder_is_named(tmp_path):
    left_by(tmp_path, machine="node7 abc", pid=42)
    assert Leases(tmp_path).holder(KEY) == "process 42 on node7"


def test_what_a_dead_process_left_beside_a_record_is_cleared_and_nothing_else(tmp_path):
    with Leases(tmp_path) as alive:
        assert alive.take("running")
        for key in ("done", "open"):
            assert alive.take(key)
            left = alive.held.pop(key)
            left.write_text(json.dumps({**alive.owner, "started": 1.0}))  # of a process that has ended
        Leases(tmp_path).clear({"done", "running"})
        kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {".lease-running-1", ".lease-open-1"}
