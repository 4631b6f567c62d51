"""The findings on the committed records, computed a second time from the raw files by plain arithmetic."""

import csv
import json
import re
import statistics
from pathlib import Path

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
        if record["cell"]["dataset"] == dataset and record["status"] == "ok"
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


def test_without_records_only_what_is_printed_is_left():
    assert {finding.source.partition(":")[0] for finding in findings([], system_facts())} == {"audit.md"}
