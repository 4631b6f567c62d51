"""Forged and broken records are refused by the rule that they break; honest ones pass."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli import main
from benchmark.rules.check import RULES, check
from results.store import Store, read_record
from results.upkeep import supersede

REPOSITORY = Path(__file__).parents[3]
RECORDS = REPOSITORY / "results" / "records"


def first(kind, system, device, dataset="", profile=""):
    for path in sorted(RECORDS.glob(f"{kind}-{system}-*.json")):
        data = json.loads(path.read_text())
        if dataset not in ("", data["cell"]["dataset"]) or profile not in ("", data["cell"]["profile"]):
            continue
        if (data["schema_version"], data["cell"]["device"]) == (2, device):
            return path
    raise AssertionError(f"no {kind} record of {system} on {device}")


HONEST = {
    "cost": first("cost", "stdc", "cpu", profile="desk"),  # with more samples than a smoke run's few
    "gpu": first("cost", "stdc", "NVIDIA H200"),
    "accuracy": first("accuracy", "stdc", "cpu", "synthetic"),  # of seven classes, one of which does not count
}


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(data):
        for step in path:
            data = data[step]
        data[last] = value(data[last]) if callable(value) else value

    return change


def scaled(*path, by):
    """All times of the samples, and their statistics, times a factor: only physics speaks against it."""

    def change(data):
        for samples in data["cost"]["samples"]:
            samples["latencies_ms"] = [value * by for value in samples["latencies_ms"]]
            for name in ("median_ms", "median_low_ms", "median_high_ms", "p90_ms", "p99_ms"):
                samples[name] *= by

    return change


def constant(data):
    for samples in data["cost"]["samples"]:
        middle = samples["median_ms"]
        samples["latencies_ms"] = [middle for _ in samples["latencies_ms"]]
        samples.update(dict.fromkeys(("median_low_ms", "median_high_ms", "p90_ms", "p99_ms"), middle))


def two(data):
    data["cost"]["samples"][0].update(latencies_ms=[200.0625, 201.03125], rounds=[])


def repeated(data):
    for samples in data["cost"]["samples"]:
        samples["latencies_ms"] = (samples["latencies_ms"][:5] * 9)[: len(samples["latencies_ms"])]


def moved(data):
    """Pixels of the first wrong class become hits, in the matrix alone."""
    row = data["accuracy"]["confusion"][1]
    row[1], row[2] = row[1] + row[2], 0


def moved_everywhere(data):
    """The same in the matrix of every image too; the scores stay."""
    moved(data)
    matrices = []
    for text in data["accuracy"]["image_confusions"]:
        counts = [int(count) for count in text.split()]
        side = len(data["accuracy"]["confusion"])
        counts[side + 1], counts[side + 2] = counts[side + 1] + counts[side + 2], 0
        matrices.append(" ".join(map(str, counts)))
    data["accuracy"]["image_confusions"] = matrices


SAMPLES = ("cost", "samples", 0)
FORGED = {
    "an interval elsewhere": ("cost", "statistics", put(*SAMPLES, "median_low_ms", 1.0)),
    "a faster median": ("cost", "statistics", put(*SAMPLES, "median_ms", lambda value: value / 2)),
    "impossible FPS": ("gpu", "peak", scaled(by=0.01)),
    "impossible FPS on a CPU": ("cost", "peak", scaled(by=0.01)),
    "a ceiling above the data sheet": ("gpu", "peak", put("cost", "ceilings", "matmul_tflops", 900.0)),
    "slower than the run": ("cost", "wall-time", scaled(by=100)),
    "no variance": ("cost", "samples", constant),
    "copied samples": ("cost", "samples", repeated),
    "rounded samples": ("cost", "samples", put(*SAMPLES, "latencies_ms", lambda values: [round(v, 1) for v in values])),
    "two samples": ("cost", "samples", two),
    "other labels timed": ("cost", "scored-timed", put("cost", "labels_hash", "0" * 64)),
    "a region that was not asked for": ("cost", "regions", put(*SAMPLES, "region", "forward")),
    "another protocol": ("cost", "key", put("cell", "protocol", "precision", "bf16")),
    "another size": ("cost", "key", put("cell", "protocol", "height", 999)),
    "another system": ("cost", "key", put("cell", "system", "isdnet")),
    "another key": ("cost", "key", put("key", "0" * 12)),
    "metrics of tomorrow": ("cost", "new-version", put("cell", "protocol", "metric_version", 99)),
    "another machine": ("gpu", "machine", put("environment", "gpu", "NVIDIA GeForce RTX 2080 Ti")),
    "weights without memory": ("gpu", "memory", put("cost", "memory", "weights_mib", "mib", 1.0)),
    "a peak below the weights": ("gpu", "memory", put("cost", "memory", "peak_allocated_mib", "mib", 2.0)),
    "memory without reading or reason": ("cost", "memory", put("cost", "memory", "peak_allocated_mib", "reason", "")),
    "a net without work": ("cost", "flops", put("cost", "flops", 10)),
    "made next year": ("cost", "created", put("provenance", "created", "2999-01-01T00:00:00+00:00")),
    "no libraries": ("cost", "libraries", put("environment", "libraries", {})),
    "another seed": ("accuracy", "seed", put("provenance", "seeds", {"cell": 7})),
    "HTML in a field": ("cost", "text", put("provenance", "command", "<script>alert(1)</script>")),
    "a terminal's control codes": ("cost", "text", put("environment", "cpu_model", "\x1b]0;title\x07")),
    "a matrix that was edited": ("accuracy", "matrix", moved),
    "matrices that were edited": ("accuracy", "scores", moved_everywhere),
    "a higher score": ("accuracy", "scores", put("accuracy", "miou_paper", 73.3)),
    "a higher class": ("accuracy", "scores", put("accuracy", "iou", "iou_urban", 90.0)),
    "another split": ("accuracy", "split", put("cell", "split_hash", "0" * 16 + "-" + "1" * 16)),
    "an image counted twice": ("accuracy", "split", put("accuracy", "images", lambda ids: [ids[0]] * len(ids))),
    "other classes averaged": ("accuracy", "classes", put("accuracy", "paper_classes", [5, 6])),
    "pixels left out": ("accuracy", "pixels", put("accuracy", "confusion", 1, 2, 0)),
    "training without time": ("accuracy", "training", put("accuracy", "train_seconds", 0.0)),
    "a hash of words": ("accuracy", "hash", put("accuracy", "weights_hash", "trust me")),
    "a failure": ("cost", "outcome", lambda data: data.update(status="failed", reason="", cost=None)),
    "NaN": ("cost", "schema", put(*SAMPLES, "median_ms", float("nan"))),
    "a field of its own": ("cost", "schema", put("cost", "fps", 900)),
    "a million digits": ("cost", "schema", put("cost", "flops", "DIGITS")),
    "deep nesting": ("cost", "schema", put("cost", "DEEP")),
}  # fmt: skip


@pytest.fixture
def forged(tmp_path):
    def make(kind, change):
        data = json.loads(HONEST[kind].read_text())
        change(data)
        text = json.dumps(data).replace('"DIGITS"', "9" * 10**6).replace('"DEEP"', "[" * 10**5)
        path = tmp_path / HONEST[kind].name
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize(("kind", "rule", "change"), FORGED.values(), ids=FORGED)
def test_a_forged_record_is_refused_by_its_rule(kind, rule, change, forged):
    path = forged(kind, change)
    ((_, findings),) = check([path]).items()
    refusing = {finding.rule.id for finding in findings if finding.rule.refuses}
    assert rule in refusing
    assert all(finding.what.isprintable() and len(finding.what) < 600 for finding in findings)


def test_every_record_of_this_repository_passes_and_the_newest_without_a_remark():
    found = check(sorted(RECORDS.glob("*.json")))
    assert [path.name for path, findings in found.items() if any(one.rule.refuses for one in findings)] == []
    assert {one.rule.id for findings in found.values() for one in findings} <= {"old-version", "code"}
    assert sum(not findings for findings in found.values()) >= 25


def test_every_rule_refuses_something_here():
    tested = {rule for _, rule, _ in FORGED.values()} | {"name", "copy", "old-version", "code", "known", "not-compared"}
    tested.add("superseded")
    assert {rule.id for rule in RULES} == tested
    assert all(rule.reason and rule.fix for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("code", put("provenance", "git_dirty", True)),
        ("known", put("cell", "system", "nobodys-net")),
        ("known", put("provenance", "packages", ["theirnet 0.1.0, code 0a1b2c3d4e5f"])),
        ("not-compared", put("cost", "scored_labels_hash", "")),
    ],
)
def test_what_a_person_must_look_at_is_flagged(rule, change, forged):
    ((_, findings),) = check([forged("cost", change)]).items()
    assert rule in {finding.rule.id for finding in findings if not finding.rule.refuses}


def test_a_record_that_was_taken_back_is_refused(tmp_path):
    path = Path(shutil.copy(HONEST["cost"], tmp_path))
    assert check([path])[path] == []
    supersede(path, "measured beside other work")
    assert [one.rule.id for one in check([path])[path]] == ["superseded"]


def test_copies_and_other_names_are_refused(tmp_path):
    renamed = Path(shutil.copy(HONEST["cost"], tmp_path / "best.json"))
    assert [one.rule.id for one in check([renamed])[renamed]] == ["name"]
    found = check([HONEST["cost"], renamed])
    assert found[HONEST["cost"]] == []
    assert [one.rule.id for one in found[renamed]] == ["name", "copy"]
    assert [one.rule.id for one in check([HONEST["gpu"]], [read_record(HONEST["gpu"])])[HONEST["gpu"]]] == ["copy"]


def test_the_command_says_what_to_do_and_its_status_is_the_outcome(forged, capsys, tmp_path):
    assert main(["records", "validate", *map(str, HONEST.values())]) == 0
    assert capsys.readouterr().out.count(": ok\n") == len(HONEST)
    path = forged("accuracy", put("accuracy", "miou_paper", 73.3))
    assert main(["records", "validate", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert f"{path}: refused\n  scores: miou_paper 73.3, but the matrix gives" in printed
    assert "To mend: measure again" in printed
    assert main(["records", "validate", "--json", str(path)]) == 1
    (finding,) = json.loads(capsys.readouterr().out)[str(path)]
    assert (finding["rule"], finding["refused"]) == ("scores", True)
    assert main(["records", "validate", "--rules"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)
    assert main(["records", "validate"]) == 2


@pytest.mark.slow
def test_a_pull_request_may_add_records_but_not_change_any(tmp_path, forged):
    clone = tmp_path / "clone"
    records = clone / "results" / "records"
    records.mkdir(parents=True)
    kept = Path(shutil.copy(HONEST["gpu"], records))
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(clone))

    def commit(words="x"):
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", words], check=True)

    subprocess.run(["git", "init", "-q", "-b", "main", str(clone)], check=True)
    commit()
    subprocess.run([*git, "tag", "base"], check=True)
    tool = tmp_path / "bin" / "isdbench"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m benchmark "$@"\n')
    tool.chmod(0o755)

    def checked():
        words = ["env", f"PATH={tool.parent}:/usr/bin:/bin", str(REPOSITORY / ".ci" / "submission"), "base"]
        return subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)

    assert checked().stdout == "no new records\n"
    shutil.copy(HONEST["cost"], records)
    commit()
    done = checked()
    assert (done.returncode, done.stdout.count(": ok")) == (0, 1), done.stderr
    shutil.copy(forged("accuracy", put("accuracy", "miou_paper", 73.3)), records)
    commit()
    done = checked()
    assert (done.returncode, done.stdout.count("refused")) == (1, 1)
    assert "scores: miou_paper" in done.stdout
    kept.write_text(kept.read_text().replace("H200", "H100"))
    commit()
    done = checked()
    assert done.returncode == 1
    assert kept.name in done.stdout
    assert len(Store(records).read().records) == 3
