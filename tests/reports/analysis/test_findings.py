"""The findings on the committed records, computed a second time from the raw files by plain arithmetic."""

import csv
import itertools
import json
import math
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from benchmark.commands.report import system_facts
from reports.analysis.findings import findings
from results.store import Store

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found():
    return findings(Store(ROOT / "results" / "records").read().records, system_facts())


def raw(kind):
    files = sorted((ROOT / "results" / "records").glob(f"{kind}-*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def printed(table):
    with (ROOT / "results" / "paper" / f"{table}.csv").open(encoding="utf-8") as lines:
        return {row["row"]: row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}


def fps(dataset):
    """FPS of each system at the true size of a dataset, on a GPU."""
    return {
        record["cell"]["system"]: 1000 / statistics.median(record["cost"]["samples"][-1]["latencies_ms"])
        for record in raw("cost")
        if record["cell"]["dataset"] == dataset and record["status"] == "ok" and record["cell"]["device"] != "cpu"
    }


def test_the_count_of_faster_rivals(found):
    ours, paper = fps("deepglobe"), printed("table1")
    rows = {
        row: (float(line["fps"]), ours[row])
        for row, line in paper.items()
        if row in ours and line["fps"] and row != "ppn"  # PPN's values are quoted from its paper
    }
    isdnet = rows.pop("isdnet")
    in_print = sum(values[0] > isdnet[0] for values in rows.values())
    here = sum(values[1] > isdnet[1] for values in rows.values())
    sentence = found[0].sentence
    numbers = list(map(int, re.findall(r"\b\d+\b", sentence.partition(" on ")[0])))
    assert numbers == [len(rows), in_print, here]


def test_every_printed_ratio(found):
    ours, paper = fps("deepglobe"), printed("table1")
    ratios = next(finding for finding in found if "lead in speed" in finding.sentence and "table1" in finding.source)
    in_print = {f"{float(paper['isdnet']['fps']) / float(line['fps']):.3g}" for line in paper.values() if line["fps"]}
    here = {f"{ours['isdnet'] / value:.3g}" for value in ours.values()}
    for line in ratios.numbers:
        before, now = re.findall(r"([\d.]+) in", line)
        assert f"{float(before):.3g}" in in_print
        assert f"{float(now):.3g}" in here


def test_the_memory_ratio(found):
    ratios = {}
    for record in sorted(raw("cost"), key=lambda record: record["provenance"]["created"]):
        memory = record["cost"]["memory"] if record["cost"] else {}
        allocated, gpustat = (
            (memory.get(name) or {}).get("mib") for name in ("peak_allocated_mib", "device_gpustat_mib")
        )
        if allocated and gpustat:
            ratios[record["cell"]["system"]] = gpustat / allocated
    finding = next(finding for finding in found if "several peaks" in finding.sentence)
    assert f"{statistics.median(ratios.values()):.2f} times" in finding.sentence
    assert f"{len(ratios)} systems" in finding.sentence


def accuracies(dataset):
    """The scored mean IoU of each system of a dataset at its official test split, newest last; the constant apart."""
    rows = sorted(raw("accuracy"), key=lambda record: record["provenance"]["created"])
    by_setting = {}
    for record in rows:
        if record["cell"]["dataset"] == dataset and record["cell"]["split"] == "test" and record["status"] == "ok":
            setting = (record["cell"]["hardware"], *record["cell"]["overrides"])
            by_setting.setdefault(setting, {})[record["cell"]["system"]] = record["accuracy"]["miou_paper"]
    reference = next(values["constant"] for values in by_setting.values() if "constant" in values)
    values = max(by_setting.values(), key=len)
    return {name: value for name, value in values.items() if name != "constant"}, reference


@pytest.mark.parametrize(("dataset", "title"), [("bracol", "(BRACOL)"), ("hrf", "(HRF)")])
def test_the_order_on_real_images_and_the_nets_that_learned_nothing(dataset, title, found):
    ours, reference = accuracies(dataset)
    paper = {row: float(line["miou_paper"]) for row, line in printed("table1").items() if row != "ppn" and row in ours}
    couples = list(itertools.combinations(paper, 2))
    signs = [np.sign((paper[a] - paper[b]) * (ours[a] - ours[b])) for a, b in couples]
    untied = [sum(values[a] != values[b] for a, b in couples) for values in (paper, ours)]
    tau = sum(signs) / math.sqrt(math.prod(untied))
    finding = next(one for one in found if title in one.sentence and "order by mIoU" in one.sentence)
    assert f"tau {tau:.2f} over {len(paper)} rows" in finding.numbers[0]
    nothing = {name for name, value in ours.items() if value <= reference + 0.5}
    told = [one for one in found if title in one.sentence and "most frequent class" in one.sentence]
    assert bool(told) == bool(nothing)
    for one in told:
        assert f"{len(nothing)} of {len(ours)} nets" in one.sentence
        assert set(one.numbers[1].removeprefix("not above it: ").split(", ")) == nothing


def test_what_longer_training_does(found):
    told = [one for one in found if "Longer training" in one.sentence]
    assert {one.sentence.split()[3].rstrip(",") for one in told} == {"hrf", "synthetic"}
    scores = {
        (
            one["cell"]["system"],
            one["cell"]["dataset"],
            one["accuracy"]["iterations"],
            f"{one['accuracy']['miou_paper']:.2f}",
        )
        for one in raw("accuracy")
        if one["accuracy"]
    }
    for finding in told:
        dataset, gains = finding.sentence.split()[3].rstrip(","), []
        for line in finding.numbers:
            system, few, before, many, after = re.match(
                r"(\S+): ([\d.]+) after (\d+) iterations, ([\d.]+) after (\d+)", line
            ).group(1, 3, 2, 5, 4)
            assert {(system, dataset, int(few), before), (system, dataset, int(many), after)} <= scores
            gains.append(float(after) - float(before))
        low, high = map(float, re.findall(r"[+-][\d.]+", finding.sentence))
        assert (low, high) == pytest.approx((min(gains), max(gains)), abs=0.011)


def test_how_far_trainings_move_on_another_machine(found):
    finding = next(one for one in found if "Trained again" in one.sentence)
    by_cell = {}
    for record in sorted(raw("accuracy"), key=lambda record: record["provenance"]["created"]):
        new = record["cell"]["protocol"]["metric_version"] == 2  # older cells have other settings
        if new and ((record["accuracy"] or {}).get("iterations") or 0) >= 100:
            names = ("system", "dataset", "paper_dataset", "device", "seed", "card_hash", "recipe_hash", "profile_hash")
            cell = record["cell"]
            place = (
                *(cell[name] for name in names),
                cell["split_hash"],
                str(cell.get("overrides", [])),
                cell["image_ratio"],
            )
            by_cell.setdefault(place, []).append(record)
    moves = {}
    for first, *later in by_cell.values():
        for again in (one for one in later if one["cell"]["hardware"] != first["cell"]["hardware"]):
            values = tuple(one["accuracy"]["miou_paper"] for one in (first, again))
            moves[first["cell"]["system"], first["cell"]["dataset"], values] = abs(values[0] - values[1])
    within = sum(points <= 3 for points in moves.values())
    assert f"{within} of {len(moves)} short trainings come within 3 points" in finding.sentence
    (system, dataset, (before, after)), _ = max(moves.items(), key=lambda item: item[1])
    assert finding.numbers[0] == f"{system} on {dataset}: {before:.2f}, then {after:.2f}"


def test_without_records_only_what_is_printed_is_left():
    assert {finding.source.partition(":")[0] for finding in findings([], system_facts())} == {"audit.md"}
