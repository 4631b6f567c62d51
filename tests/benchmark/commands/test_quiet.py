"""``--quiet``: files are written as always, and nothing is printed but what went wrong."""

import io

import pytest

from benchmark.cli import main
from benchmark.commands.progress import SILENCE_S, Display, bar
from results.store import Store
from tests.benchmark.run.test_time_left import planned
from tests.results.records import record


@pytest.mark.slow
def test_report_writes_its_files_and_prints_nothing(tmp_path, capsys):
    Store(tmp_path / "records").append(record("cost", "isdnet"))
    words = ["report", "--records", str(tmp_path / "records"), "--out", str(tmp_path), "--no-figures"]
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "table1.md").is_file()
    (tmp_path / "records" / "cost-bad.json").write_text("{}")
    assert main([*words, "--quiet"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cost-bad.json" in printed.err


def test_a_quiet_run_shows_only_cells_that_failed(tmp_path):
    stream = io.StringIO()
    jobs = planned(tmp_path, systems=("stdc", "isdnet"), kinds=("cost",))
    with Display(stream, quiet=True) as display:
        display.plan(jobs, tmp_path)
        display.finished(jobs[0], record("cost", "stdc"), known=False)
        display.finished(jobs[1], record("cost", "isdnet", status="failed", reason="no luck"), known=False)
    (line,) = stream.getvalue().splitlines()
    assert "failed" in line
    assert "no luck" in line


def test_a_quiet_bar_prints_no_line_however_long_it_takes():
    for quiet in (True, False):
        stream, now = io.StringIO(), iter((0.0, SILENCE_S, 2 * SILENCE_S))
        with bar(stream, "image", clock=lambda now=now: next(now), quiet=quiet) as advance:
            advance(1, 2)
        assert bool(stream.getvalue()) != quiet
