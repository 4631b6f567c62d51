"""Two installations in turns: the order of their samples on fakes, and one real measurement."""

import subprocess
import sys

import pytest

from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.run.interleave import SIDES, interleave
from results.record import Record
from results.store import Store
from tests.packages import REPOSITORY, environment, write_slownet
from tests.results.records import record


def fake(folder, name, steps):
    """An environment whose Python goes through ``steps`` and answers with a record."""
    (folder / name / "bin").mkdir(parents=True)
    python = folder / name / "bin" / "python"
    marked = [f"{name}:{step}" for step in steps]
    text = f"""#!{sys.executable}
import sys
for _ in sys.stdin:
    for step, mark in zip({steps!r}, {marked!r}):
        with open({str(folder / "log")!r}, "a") as log:
            log.write(mark + "\\n")
        print(step, flush=True)
        sys.stdin.readline()
    print({record("cost", "isdnet").model_dump_json()!r}, flush=True)
"""
    python.write_text(text)
    python.chmod(0o755)
    return folder / name


def test_samples_alternate_and_nobody_runs_ahead(tmp_path):
    base = fake(tmp_path, "base", ["image", "warm-up", "timing", "timing", "timing", "memory"])
    head = fake(tmp_path, "head", ["image", "warm-up", "warm-up", "warm-up", "timing", "timing", "timing", "memory"])
    heard = []
    interleave(base, head, ["isdnet"], [], 2, tmp_path / "out", lambda *step: heard.append(step))
    assert heard == [("isdnet", 1, 2), ("isdnet", 2, 2)]
    assert {side: len(Store(tmp_path / "out" / side).all()) for side in SIDES} == dict.fromkeys(SIDES, 2)
    log = (tmp_path / "log").read_text().split()
    for turn in (log[: len(log) // 2], log[len(log) // 2 :]):
        timed = [mark for mark in turn if mark.endswith("timing")]
        assert sorted(timed) == ["base:timing"] * 6 + ["head:timing"] * 3  # base plays noise as well
        second, third = sorted(timed[3:6]), sorted(timed[6:])  # after everyone's first sample
        assert second == third == ["base:timing", "base:timing", "head:timing"]


def test_the_command_leaves_three_stores_that_compare_reads(tmp_path, capsys):
    sides = [str(fake(tmp_path, side, ["timing", "memory"])) for side in ("base", "head")]
    out = tmp_path / "out"
    words = ["--systems", "isdnet", "--rounds", "2", "--size", "64x64", "--device", "cpu", "--out", str(out)]
    assert main(["interleave", *sides, *words]) == 0
    assert capsys.readouterr().out.split() == [str(out / side) for side in SIDES]
    assert main(["compare", str(out / "base"), str(out / "head"), "--noise", str(out / "noise")]) == 0
    assert main(["interleave", *sides, "--systems", "isdnet", "--rounds", "0"]) == 2


def test_what_cannot_be_measured_is_said_in_one_line(tmp_path):
    base = fake(tmp_path, "base", ["timing"])
    broken = tmp_path / "broken"
    (broken / "bin").mkdir(parents=True)
    (broken / "bin" / "python").write_text("#!/bin/sh\necho 'No module named benchmark.turns' >&2; exit 1\n")
    (broken / "bin" / "python").chmod(0o755)
    with pytest.raises(UserError, match=r"broken.*cannot measure 'isdnet': No module named benchmark.turns"):
        interleave(base, broken, ["isdnet"], [], 1, tmp_path / "out")
    with pytest.raises(UserError, match="no Python environment"):
        interleave(base, tmp_path, ["isdnet"], [], 1, tmp_path / "out")
    Store(tmp_path / "out" / "base").append(record("cost", "isdnet"))
    with pytest.raises(UserError, match="holds records already"):
        interleave(base, base, ["isdnet"], [], 1, tmp_path / "out")


@pytest.mark.slow
def test_a_real_turn_is_a_cost_record_taken_sample_by_sample(tmp_path):
    package = write_slownet(tmp_path / "package")
    command = [sys.executable, "-m", "benchmark.turns", "slownet", "--size", "64x64", "--device", "cpu"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment(package), **pipes) as player:
        steps = []
        for _ in range(200):
            player.stdin.write("\n")
            player.stdin.flush()
            answer = player.stdout.readline()
            if answer.startswith("{"):
                break
            steps.append(answer.strip())
        player.stdin.close()
        assert player.wait(60) == 0
    made = Record.model_validate_json(answer)
    assert made.status == "ok"
    assert steps.count("timing") == len(made.cost.samples[0].latencies_ms)


def test_bad_options_end_a_player_with_one_line(tmp_path):
    command = [sys.executable, "-m", "benchmark.turns", "isdnett", "--size", "64x64", "--device", "cpu"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "isdnett" in done.stderr.strip().splitlines()[-1]
