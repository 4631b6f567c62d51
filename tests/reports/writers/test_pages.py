import re

import pytest

from benchmark.errors import UserError
from reports.analysis.agreement import agreements
from reports.paper_check.claims import audit
from reports.paper_check.plausibility import speeds
from reports.paper_check.throughput import throughputs
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from reports.writers.agreement_page import agreement_page
from reports.writers.audit_page import audit_page
from reports.writers.cost_page import cost_page
from reports.writers.optimized_page import optimized_page
from reports.writers.outdated_page import outdated_page
from reports.writers.pages import write_page
from reports.writers.repeats_page import repeats_page
from results.analysis.repeat import repetitions
from results.paper import TABLE_NAMES, paper_table
from results.paper.claims import claims
from results.paper.flops import read_flops
from results.record import Ceilings, MemoryReading, Spread, Telemetry
from tests.results.records import cost, record

POWER = Spread(low=250, median=300, high=310)
EVIL = "<script>alert(1)</script> a & b_c%|"
PAGE = audit_page(audit([], []), speeds([], read_flops()), throughputs())


def lines_of(page, heading):
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if re.match(r"\| (?!:?-)", line)][1:]


def test_the_audit_lists_every_claim_and_every_printed_speed():
    assert len(lines_of(PAGE, "Claims")) == len(claims())
    shown = [line.split("|")[6].strip() for line in lines_of(PAGE, "Speeds against the card's peak")]
    tables = [paper_table(name) for name in TABLE_NAMES]
    assert shown == [row.values["fps"].text for table in tables for row in table.rows if "fps" in row.values]


def test_a_claim_shows_quote_reading_values_verdict_and_arithmetic():
    (line,) = [line for line in lines_of(PAGE, "Claims") if "172x faster" in line and "arithmetic differs" in line]
    for words in (
        "abstract",
        "the recent competitor is FCtL",
        "table1/isdnet/fps / table1/fctl/fps is 172 ± 0.5",
        "27.70 / 0.13 = 213.1",
        "Table 1",
        "213.1",
        "Inria Aerial",
    ):
        assert words in line


def test_the_agreement_page_has_a_verdict_and_the_flipped_pairs():
    systems = [
        SystemFacts(name, EVIL, "library", 1, rows=(f"table1/{name}",))
        for name in ("isdnet", "stdc", "pointrend", "magnet", "fctl", "glnet")
    ]
    records = [
        record("cost", system.name, figures=cost(100.0 * place)) for place, system in enumerate(systems, start=1)
    ]
    page = agreement_page(agreements(build_tables(records, systems, ["table1"])))
    assert "fps: orders agree (n = 6; 1 of 15 pairs swapped, 1 clearly)" in page
    assert "| glnet over fctl" in page
    assert "<script>" not in page


def test_without_values_the_page_says_so():
    assert "No table has a value of ours" in agreement_page(())


def test_the_cost_page_has_what_a_table_has_no_room_for():
    measured = cost(200.0).model_copy(
        update={
            "bytes_moved": 5_000_000_000,
            "ceilings": Ceilings(matmul_tflops=1.0, copy_gb_s=10.0),
            "telemetry": Telemetry(readings=9, sm_clock_mhz=Spread(low=1200, median=1350, high=1400), power_w=POWER),
            "convolution_shapes": 2,
            "smallest_budget_mib": MemoryReading(mib=321.0),
        }
    )
    old = record("cost", EVIL, created="2026-11-21T10:00:00+00:00", figures=cost(900.0))
    page = cost_page([old, record("cost", EVIL, figures=measured), record("cost", "stdc", status="oom", reason="x")])
    (line,) = [line for line in page.splitlines() if "predict" in line and line.startswith("| ")]
    cells = [cell.strip() for cell in line.split(" | ")]
    # 3 GFLOPs and 5 GB in 0.2 s: 15 GFLOP/s of the 6 that 10 GB/s allow; 300 W for 0.2 s
    assert cells[1:] == [
        *("predict", "6", "200", "\\[190, 210\\]", "220", "240", "–"),
        *("3.00", "5.00", "250", "1350", "300", "60.0", "–", "321", "2 |"),
    ]
    assert "<script>" not in page
    assert "No cost was measured." in cost_page([])


def test_a_page_that_cannot_be_written_names_the_option(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file: cannot write"):
        write_page(tmp_path / "file", "audit.md", "text")


def test_records_of_older_metrics_are_listed():
    old = record("cost", "stdc", protocol_changes={"metric_version": 1})
    page = outdated_page([old, record("cost", "isdnet")])
    (line,) = [line for line in page.splitlines() if line.startswith("| cost")]
    assert "stdc" in line
    assert old.key in line
    assert "No record is of an older version." in outdated_page([record("cost", "isdnet")])


def test_repeated_records_are_listed_with_both_machines_and_a_verdict():
    first, again = (record("cost", EVIL, created=f"2026-11-2{day}T10:00:00+00:00") for day in (0, 1))
    page = repeats_page(repetitions([first, again]))
    assert "1 of 1 hold." in page
    (line,) = [line for line in page.splitlines() if line.startswith("| cost")]
    assert "2026-11-20" in line
    assert "2026-11-21" in line
    assert "<script>" not in page
    assert "No cell has two records." in repeats_page([])


def test_the_page_of_fastest_forms_takes_times_in_turns_and_the_peak_of_the_same_cell():
    def of(system, optimized, mib, engine="torch", median_ms=200.0, **changes):
        figures = cost(median_ms)
        memory = figures.memory.model_copy(update={"host_peak_with_weights_mib": MemoryReading(mib=mib)})
        figures = figures.model_copy(update={"memory": memory, **changes})
        protocol = {"optimized": optimized, "engine": engine}
        return record("cost", system, figures=figures, device="cpu", protocol_changes=protocol)

    turns = ((100.0, 50.0), (110.0, 52.0), (90.0, 45.0))
    made = {"form": "channels-last, batch norm folded", "labels_kept": 99.95, "turns_ms": turns}
    page = optimized_page(
        [
            of("stdc", False, 300.0),
            of("stdc", True, 200.0, **made),
            of("stdc", False, 200.0, engine="onnx"),
            of("stdc", False, 200.0, engine="openvino", median_ms=150.0),
            of("stdc", False, 200.0, engine="openvino-int8", median_ms=50.0),
            of("glnet", True, 400.0, form="as it is"),
        ]
    )
    assert "Faster at all: 1 of 2; at least 1.3 times: 1." in page
    stdc, glnet = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if line.startswith(("| stdc", "| glnet"))
    )
    assert stdc[3:] == [
        "channels-last, batch norm folded",
        "3",
        "100",
        "50",
        "2.00x",
        "99.950",
        "300",
        "200",
        "200",
        "150",
        "–",
        "50",
    ]
    assert glnet[3:] == ["as it is", "–", "–", "–", "–", "100.000", "–", "400", *["–"] * 4]
    assert "No record is of an optimized form." in optimized_page([of("stdc", False, 300.0)])
